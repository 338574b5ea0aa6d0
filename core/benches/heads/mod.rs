//! The heads that are measured.
#![allow(unreachable_pub)]

/// 40 bytes, the least a client sends.
pub const TINY: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";

/// A browser of 2010, as httparse's own benchmark has it.
pub const BROWSER: &[u8] = b"\
GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n\
Host: www.kittyhell.com\r\n\
User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 \
Firefox/3.6.3 Pathtraq/0.9\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n\
Accept-Encoding: gzip,deflate\r\n\
Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n\
Keep-Alive: 115\r\n\
Connection: keep-alive\r\n\
Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; \
__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; \
__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|\
utmcmd=referral|padding=under256\r\n\r\n";

/// A browser of today: 20 field lines.
pub const MODERN: &[u8] = b"\
GET /shop/category/kitchen?sort=price&page=3&utm_source=newsletter HTTP/1.1\r\n\
Host: www.example.com\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
sec-ch-ua: \"Not)A;Brand\";v=\"8\", \"Chromium\";v=\"138\", \"Google Chrome\";v=\"138\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
sec-ch-ua-platform: \"Windows\"\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
Chrome/138.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-User: ?1\r\n\
Sec-Fetch-Dest: document\r\n\
Referer: https://www.example.com/shop/category/kitchen?sort=price&page=2\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n\
Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; \
_ga=GA1.2.1234567890.1700000000; _gid=GA1.2.987654321.1700000000; theme=dark; consent=all; \
cart=eyJpdGVtcyI6WzEsMiwzXX0\r\n\
If-None-Match: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n\
DNT: 1\r\n\
Priority: u=0, i\r\n\r\n";

/// A response as an origin server sends it.
pub const RESPONSE: &[u8] = b"\
HTTP/1.1 200 OK\r\n\
Server: nginx/1.27.0\r\n\
Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Length: 1256\r\n\
Connection: keep-alive\r\n\
ETag: \"5ff1a2b3-4e8\"\r\n\r\n";

/// Browser requests that differ in the length of every line, so that no branch can be learned.
pub fn mixed() -> Vec<Vec<u8>> {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut below = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    (0..512)
        .map(|_| {
            let mut head = format!("GET /{} HTTP/1.1\r\n", "p".repeat(below(60) as usize)).into_bytes();
            for _ in 0..8 + below(10) {
                let name = "Name-".repeat(4)[..3 + below(15) as usize].to_string();
                let longest = if below(4) == 0 { 120 } else { 40 };
                let value = "value; ".repeat(20)[..1 + below(longest) as usize].trim_end().to_string();
                head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            head.extend_from_slice(b"\r\n");
            head
        })
        .collect()
}
