//! Field sections as they come over one connection after the other, made by deterministic code.

/// A field section: names and values.
pub type List = Vec<(String, String)>;

/// Field sections of several connections.
pub struct Corpus {
    pub name: &'static str,
    pub connections: Vec<Vec<List>>,
}

impl Corpus {
    /// Name, and what makes the `n`th list of a connection.
    fn new(name: &'static str, connections: u64, lists: u64, make: fn(&mut Peer, u64) -> List) -> Corpus {
        let connection = |seed| {
            let mut peer = Peer::new(seed);
            (0..lists).map(|n| make(&mut peer, n)).collect()
        };
        Corpus { name, connections: (0..connections).map(connection).collect() }
    }
}

/// Every corpus.
pub fn all() -> Vec<Corpus> {
    vec![
        Corpus::new("browser", 8, 60, browser),
        Corpus::new("cdn", 8, 60, cdn),
        Corpus::new("rpc calls", 4, 100, rpc_call),
        Corpus::new("rpc answers", 4, 100, rpc_answer),
        Corpus::new("api", 8, 60, api),
        Corpus::new("plain", 4, 100, plain),
        Corpus::new("short-lived", 40, 3, browser),
        Corpus::new("mixed", 64, 50, mixed),
    ]
}

/// One end of a connection and what it remembers.
struct Peer {
    random: Random,
    /// Which of the kinds of lists this peer sends, where they are mixed.
    kind: u64,
    host: String,
    agent: &'static str,
    cookie: String,
    token: String,
    seconds: u64,
}

impl Peer {
    fn new(seed: u64) -> Peer {
        let mut random = Random(seed * 7919 + 1);
        let host =
            format!("{}.{}", random.pick(&["www", "static", "api", "cdn-3", "shop"]), random.pick(HOSTS));
        let agent = random.pick(AGENTS);
        let cookie = format!(
            "session={}; theme=dark; _ga=GA1.2.{}.{}; consent={}",
            random.text(BASE64, 32),
            random.below(2_000_000_000),
            1_700_000_000 + random.below(50_000_000),
            random.text(b"01", 8),
        );
        let token = format!(
            "Bearer {}.{}.{}",
            random.text(BASE64, 36),
            random.text(BASE64, 90),
            random.text(BASE64, 43)
        );
        let (kind, seconds) = (random.below(6), random.below(1_000_000));
        Peer { random, kind, host, agent, cookie, token, seconds }
    }

    fn date(&mut self, ago: u64) -> String {
        let t = self.seconds + 1_000_000 - ago;
        let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][(t / 86400 % 7) as usize];
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"][(t / 86400 / 28 % 6) as usize];
        let (d, h, m, s) = (t / 86400 % 28 + 1, t / 3600 % 24, t / 60 % 60, t % 60);
        format!("{day}, {d:02} {month} 2025 {h:02}:{m:02}:{s:02} GMT")
    }
}

fn browser(peer: &mut Peer, n: u64) -> List {
    let r = &mut peer.random;
    let page = n % 20 == 0;
    let (folder, kind) =
        *[("css", "style"), ("js", "script"), ("img", "image"), ("fonts", "font"), ("api", "empty")]
            .get(r.below(5) as usize)
            .unwrap();
    let path = match (page, r.below(4)) {
        (true, _) => format!("/{}/{}", r.word(), r.word()),
        (_, 0) => format!("/assets/{folder}/{}.{}.{folder}", r.word(), r.text(HEX, 8)),
        (_, 1) => format!("/{folder}/v{}/{}?id={}&lang=en", r.below(4), r.word(), r.below(100_000)),
        _ => format!("/static/{folder}/{}-{}.{folder}", r.word(), r.word()),
    };
    let mut list = fields([
        (":method", "GET"),
        (":authority", &peer.host),
        (":scheme", "https"),
        (":path", &path),
        ("sec-ch-ua", "\"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\""),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", "\"Linux\""),
        ("user-agent", peer.agent),
    ]);
    let r = &mut peer.random;
    if page {
        add(&mut list, "upgrade-insecure-requests", "1");
        add(
            &mut list,
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        );
    } else {
        add(
            &mut list,
            "accept",
            if kind == "image" { "image/avif,image/webp,image/*,*/*;q=0.8" } else { "*/*" },
        );
    }
    add(&mut list, "sec-fetch-site", if r.below(8) == 0 { "cross-site" } else { "same-origin" });
    add(&mut list, "sec-fetch-mode", if page { "navigate" } else { "no-cors" });
    add(&mut list, "sec-fetch-dest", if page { "document" } else { kind });
    if n > 0 {
        add(&mut list, "referer", &format!("https://{}/{}", peer.host, n / 20));
    }
    add(&mut list, "accept-encoding", "gzip, deflate, br, zstd");
    add(&mut list, "accept-language", "en-GB,en;q=0.9,de;q=0.8");
    if n > 1 {
        for crumb in peer.cookie.split("; ") {
            add(&mut list, "cookie", crumb);
        }
    }
    if peer.random.below(5) == 0 {
        let etag = format!("\"{}\"", peer.random.text(HEX, 16));
        add(&mut list, "if-none-match", &etag);
    }
    if peer.random.below(8) == 0 {
        let ago = peer.random.below(900_000);
        let date = peer.date(ago);
        add(&mut list, "if-modified-since", &date);
    }
    add(&mut list, "priority", peer.random.pick(&["u=0, i", "u=1", "u=2", "i"]));
    list
}

fn cdn(peer: &mut Peer, n: u64) -> List {
    peer.seconds += u64::from(n % 7 == 0);
    let date = peer.date(0);
    let ago = peer.random.below(900_000);
    let modified = peer.date(ago);
    let r = &mut peer.random;
    let status = r.pick(&["200", "200", "200", "200", "200", "304", "206", "302", "404"]);
    let status = status.to_string();
    let mut list = fields([(":status", &status), ("date", &date)]);
    if status == "302" {
        let to = format!("https://{}/{}/{}", peer.host, r.word(), r.below(10_000));
        add(&mut list, "location", &to);
    } else {
        add(
            &mut list,
            "content-type",
            r.pick(&[
                "text/html; charset=utf-8",
                "application/javascript",
                "text/css",
                "image/webp",
                "image/webp",
                "font/woff2",
            ]),
        );
    }
    add(&mut list, "content-length", &r.below(300_000).to_string());
    add(
        &mut list,
        "cache-control",
        r.pick(&[
            "public, max-age=31536000, immutable",
            "public, max-age=14400",
            "max-age=0, must-revalidate",
        ]),
    );
    add(&mut list, "etag", &format!("\"{}\"", r.text(HEX, 20)));
    add(&mut list, "last-modified", &modified);
    add(&mut list, "age", &r.below(80_000).to_string());
    add(&mut list, "vary", "Accept-Encoding");
    add(&mut list, "x-cache", r.pick(&["HIT", "HIT", "HIT", "MISS"]));
    add(&mut list, "x-cache-hits", &r.below(5).to_string());
    add(&mut list, "x-request-id", &r.uuid());
    add(&mut list, "access-control-allow-origin", "*");
    add(&mut list, "strict-transport-security", "max-age=63072000; includeSubDomains; preload");
    add(&mut list, "x-content-type-options", "nosniff");
    if r.below(10) == 0 {
        let cookie = format!("id={}; Path=/; Secure; HttpOnly; SameSite=Lax", r.text(BASE64, 24));
        add(&mut list, "set-cookie", &cookie);
    }
    add(&mut list, "server", "edge");
    add(&mut list, "cf-ray", &format!("{}-FRA", r.text(HEX, 16)));
    add(&mut list, "alt-svc", "h3=\":443\"; ma=86400");
    list
}

fn rpc_call(peer: &mut Peer, _: u64) -> List {
    let r = &mut peer.random;
    let method = r.pick(&["GetUser", "ListOrders", "UpdateCart", "Search", "Ping"]);
    let path = format!("/shop.v1.{}Service/{method}", r.pick(&["User", "Order", "Cart"]));
    let mut list = fields([
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "backend.internal:50051"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-accept-encoding", "identity,deflate,gzip"),
        ("user-agent", "grpc-rust/0.12.1"),
    ]);
    add(&mut list, "grpc-timeout", &format!("{}m", 900 + r.below(100)));
    add(&mut list, "traceparent", &format!("00-{}-{}-01", r.text(HEX, 32), r.text(HEX, 16)));
    add(&mut list, "authorization", &peer.token);
    list
}

fn rpc_answer(peer: &mut Peer, n: u64) -> List {
    if n % 2 == 0 {
        return fields([
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-encoding", "identity"),
        ]);
    }
    let r = &mut peer.random;
    match r.below(10) {
        0 => fields([("grpc-status", "5"), ("grpc-message", &format!("no such item: {}", r.below(10_000)))]),
        _ => fields([("grpc-status", "0"), ("grpc-message", "")]),
    }
}

fn api(peer: &mut Peer, n: u64) -> List {
    peer.seconds += u64::from(n % 3 == 0);
    let date = peer.date(0);
    let r = &mut peer.random;
    let limit = 5000 - n;
    let mut list = fields([
        (":status", "200"),
        ("date", &date),
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", &limit.to_string()),
        ("x-ratelimit-reset", &(1_740_000_000 + n / 30 * 3600).to_string()),
        ("server", "nginx/1.27.3"),
    ]);
    add(&mut list, "content-length", &(100 + r.below(4000)).to_string());
    add(&mut list, "etag", &format!("W/\"{}\"", r.text(HEX, 40)));
    add(&mut list, "x-request-id", &r.uuid());
    add(&mut list, "x-runtime", &format!("0.{:06}", r.below(300_000)));
    add(&mut list, "vary", "Accept, Authorization, Cookie, Accept-Encoding");
    list
}

fn plain(peer: &mut Peer, n: u64) -> List {
    peer.seconds += u64::from(n % 50 == 0);
    let date = peer.date(0);
    fields([
        (":status", "200"),
        ("server", "avx"),
        ("date", &date),
        ("content-type", "text/plain"),
        ("content-length", "13"),
    ])
}

/// Each connection another kind, with names and values thrown in that follow no pattern.
fn mixed(peer: &mut Peer, n: u64) -> List {
    let make = [browser, cdn, rpc_call, rpc_answer, api, plain][peer.kind as usize];
    let mut list = make(peer, n);
    let r = &mut peer.random;
    for _ in 0..r.below(4) {
        let name = match r.below(4) {
            0 => format!("x-{}-{}", r.word(), r.word()),
            1 => format!("x-{}", r.word()),
            2 => r.word().to_string(),
            _ => "x-forwarded-for".to_string(),
        };
        let value = match r.below(6) {
            0 => r.uuid(),
            1 => r.below(1000).to_string(),
            2 => r.word().to_string(),
            3 => {
                let len = r.below(200) as usize;
                r.text(PRINTABLE, len)
            }
            4 => format!("10.{}.{}.{}", r.below(4), r.below(4), r.below(250)),
            _ => String::from("größer, 価格"),
        };
        let at = 1 + r.below(list.len() as u64) as usize;
        list.insert(at.max(list.iter().take_while(|(name, _)| name.starts_with(':')).count()), (name, value));
    }
    list
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> List {
    fields.map(|(name, value)| (name.to_string(), value.to_string())).into()
}

fn add(list: &mut List, name: &str, value: &str) {
    list.push((name.to_string(), value.to_string()));
}

const HOSTS: &[&str] = &["example.com", "shop.example", "news.example.org", "media.example.net"];
const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
];
const WORDS: &[&str] = &[
    "about", "account", "article", "avatar", "banner", "button", "cart", "catalog", "checkout", "client",
    "common", "contact", "detail", "device", "footer", "gallery", "header", "home", "icon", "index", "item",
    "label", "login", "logo", "main", "menu", "news", "order", "page", "partner", "photo", "price",
    "product", "profile", "region", "review", "runtime", "search", "session", "sprite", "status", "summer",
    "theme", "trace", "vendor", "video", "widget",
];
const HEX: &[u8] = b"0123456789abcdef";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PRINTABLE: &[u8] =
    b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~(),/:;<=>?@[]{}\"\\";

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn word(&mut self) -> &'static str {
        self.pick(WORDS)
    }

    fn text(&mut self, from: &[u8], len: usize) -> String {
        (0..len).map(|_| char::from(self.pick(from))).collect()
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|n| self.text(HEX, n)).join("-")
    }
}
