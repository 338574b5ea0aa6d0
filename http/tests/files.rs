//! A directory served over simulated streams.
#![cfg(unix)]

mod support;

use avx_http::{Files, Router, Server};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use support::{Remote, Sim};

/// A directory for one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("avx-files-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("root/sub/deep")).unwrap();
        fs::create_dir_all(path.join("root-twin")).unwrap();
        fs::write(path.join("secret.txt"), "secret").unwrap();
        fs::write(path.join("root-twin/secret.txt"), "secret").unwrap();
        fs::write(path.join("root/a.txt"), "0123456789").unwrap();
        fs::write(path.join("root/empty.css"), "").unwrap();
        fs::write(path.join("root/sub/index.html"), "<p>index</p>").unwrap();
        fs::write(path.join("root/.hidden"), "secret").unwrap();
        Dir(path)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Client(Sim, Remote);

impl Client {
    fn of(sim: &Sim, router: Router) -> Self {
        let rt = sim.clone();
        let server = Server::new(router).date_field(false).server_field(None::<&str>);
        sim.block_on(async move { server.bind("127.0.0.1:0").start(&rt).await }).unwrap();
        Client(sim.clone(), sim.dial())
    }

    fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> String {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.1.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
        self.0.run();
        self.1.recv_text()
    }

    fn get(&self, path: &str) -> String {
        self.ask("GET", path, &[])
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path)[9..12].parse().unwrap()
    }
}

fn serve(sim: &Sim, dir: &Dir) -> Client {
    let files = Files::new(sim, dir.root()).unwrap().listing(true);
    Client::of(sim, Router::new().any("/s/**", files))
}

fn field(response: &str, name: &str) -> String {
    let line = response.lines().find(|line| line.starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {response}"))[name.len() + 2..].to_owned()
}

#[test]
fn nothing_outside_of_the_directory_is_served() {
    let (sim, dir) = (Sim::new(), Dir::new("outside"));
    symlink(&dir.0, dir.root().join("up")).unwrap();
    symlink(dir.0.join("secret.txt"), dir.root().join("out.txt")).unwrap();
    symlink("../root-twin", dir.root().join("twin")).unwrap();
    symlink("sub/index.html", dir.root().join("in.html")).unwrap();
    symlink("loop", dir.root().join("loop")).unwrap();
    let client = serve(&sim, &dir);
    for path in [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "sub/../../secret.txt",
        "sub/%2e%2e/a.txt",
        "up/secret.txt",
        "out.txt",
        "twin/secret.txt",
        "../root-twin/secret.txt",
        ".hidden",
        "%2ehidden",
        "a.txt%00",
        "a.txt/",
        "a.txt/x",
        "/a.txt",
        "sub//index.html",
        "loop",
        "..%5csecret.txt",
        "./a.txt",
    ] {
        let response = client.get(&format!("/s/{path}"));
        assert!(response.starts_with("HTTP/1.1 404 "), "{path}: {response}");
        assert!(!response.contains("secret"), "{path}");
    }
    assert_eq!(client.status("/s/in.html"), 200);
    assert_eq!(client.status(&format!("/s/{}", "x".repeat(300))), 404);
    let made = std::process::Command::new("mkfifo").arg(dir.root().join("pipe")).status();
    if made.is_ok_and(|status| status.success()) {
        assert_eq!(client.status("/s/pipe"), 404, "opening it would block");
    }
}

#[test]
fn a_link_shows_no_more_than_its_target_may() {
    let (sim, dir) = (Sim::new(), Dir::new("links"));
    let root = dir.root();
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::write(root.join(".git/config"), "secret").unwrap();
    fs::create_dir_all(root.join(".well-known")).unwrap();
    fs::write(root.join(".well-known/x"), "known").unwrap();
    for (target, link) in [
        (".hidden", "visible.txt"),
        (".git", "folder"),
        (".git/config", "sub/deep/config.txt"),
        (".well-known/x", "known.txt"),
        ("a.txt", "same.txt"),
    ] {
        symlink(root.join(target), root.join(link)).unwrap();
    }
    symlink(dir.0.join("secret.txt"), root.join("out.txt")).unwrap();
    symlink(&dir.0, root.join("up")).unwrap();
    symlink(root.join(".hidden"), root.join("sub/deep/index.html")).unwrap();
    let client = serve(&sim, &dir);
    for path in ["visible.txt", "folder/", "folder", "folder/config", "sub/deep/config.txt"] {
        let response = client.get(&format!("/s/{path}"));
        assert!(response.starts_with("HTTP/1.1 404 ") && !response.contains("secret"), "{path}: {response}");
    }
    assert!(!client.get("/s/sub/deep/").contains("secret"));
    assert!(client.get("/s/known.txt").ends_with("known"));
    assert!(client.get("/s/same.txt").ends_with("0123456789"));
    let listing = client.get("/s/");
    for name in ["visible.txt", "folder", "out.txt", "up", ".hidden"] {
        assert!(!listing.contains(&format!("./{name}")), "{name}: {listing}");
    }
    let same = listing.lines().find(|line| line.contains("./same.txt")).expect("a line");
    assert!(same.contains("10 B"), "{same}");

    let all = Files::new(&sim, &root).unwrap().listing(true).hidden(true);
    let client = Client::of(&sim, Router::new().any("/s/**", all));
    assert!(client.get("/s/visible.txt").ends_with("secret"));
    let listing = client.get("/s/");
    assert!(listing.contains("./folder/") && !listing.contains("./out.txt"), "{listing}");
}

#[test]
fn files_come_with_type_length_and_validators() {
    let (sim, dir) = (Sim::new(), Dir::new("files"));
    let client = serve(&sim, &dir);
    let response = client.get("/s/a.txt");
    assert!(response.ends_with("\r\n\r\n0123456789"), "{response}");
    assert_eq!(field(&response, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(field(&response, "Content-Length"), "10");
    let (etag, modified) = (field(&response, "etag"), field(&response, "last-modified"));

    let head = client.ask("HEAD", "/s/a.txt", &[]);
    assert!(head.ends_with("\r\n\r\n") && head.contains("Content-Length: 10\r\n"), "{head}");
    let not_modified = client.ask("GET", "/s/a.txt", &[("If-None-Match", &etag)]);
    assert!(not_modified.starts_with("HTTP/1.1 304 ") && not_modified.ends_with("\r\n\r\n"));
    assert_eq!(field(&not_modified, "etag"), etag);
    let not_modified = client.ask("GET", "/s/a.txt", &[("If-Modified-Since", &modified)]);
    assert!(not_modified.starts_with("HTTP/1.1 304 "));
    let failed = client.ask("GET", "/s/a.txt", &[("If-Match", "\"other\"")]);
    assert!(failed.starts_with("HTTP/1.1 412 "));
    assert!(client.get("/s/empty.css").ends_with("Content-Length: 0\r\n\r\n"));

    let options = client.ask("OPTIONS", "/s/a.txt", &[]);
    assert!(options.starts_with("HTTP/1.1 204 ") && options.contains("allow: GET, HEAD, OPTIONS"));
    let post = client.ask("DELETE", "/s/a.txt", &[]);
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD, OPTIONS"));
}

#[test]
fn ranges_are_served_one_or_several() {
    let (sim, dir) = (Sim::new(), Dir::new("ranges"));
    let client = serve(&sim, &dir);
    let range = |value: &str| client.ask("GET", "/s/a.txt", &[("Range", value)]);
    let part = range("bytes=2-4");
    assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\n234"), "{part}");
    assert_eq!(field(&part, "content-range"), "bytes 2-4/10");
    assert!(range("bytes=-3").ends_with("\r\n\r\n789"));
    let none = range("bytes=10-");
    assert!(none.starts_with("HTTP/1.1 416 "), "{none}");
    assert_eq!(field(&none, "content-range"), "bytes */10");
    assert!(range("bytes=0-5,3-8").starts_with("HTTP/1.1 200 "), "overlapping");
    assert!(range("lines=1").starts_with("HTTP/1.1 200 "));

    let several = range("bytes=0-1, -2");
    assert!(several.starts_with("HTTP/1.1 206 "), "{several}");
    let kind = field(&several, "content-type");
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let content = several.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(field(&several, "Content-Length"), content.len().to_string());
    let plain = "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes";
    assert_eq!(
        content,
        format!(
            "\r\n--{boundary}\r\n{plain} 0-1/10\r\n\r\n01\r\n--{boundary}\r\n{plain} 8-9/10\r\n\r\n89\r\n--{boundary}--\r\n"
        )
    );
    let stale = client.ask("GET", "/s/a.txt", &[("Range", "bytes=0-1"), ("If-Range", "\"old\"")]);
    assert!(stale.starts_with("HTTP/1.1 200 "), "{stale}");
    let head = client.ask("HEAD", "/s/a.txt", &[("Range", "bytes=0-1")]);
    assert!(head.starts_with("HTTP/1.1 200 "), "ranges are for GET");
}

#[test]
fn directories_have_an_index_or_a_listing_and_a_slash() {
    let (sim, dir) = (Sim::new(), Dir::new("directories"));
    fs::write(dir.root().join("sub/deep/<b>&\u{e9}.txt"), "x").unwrap();
    let client = serve(&sim, &dir);
    for (path, location) in [("/s", "/s/"), ("/s/sub?a=b", "/s/sub/?a=b")] {
        let response = client.get(path);
        assert!(response.starts_with("HTTP/1.1 308 "), "{response}");
        assert_eq!(field(&response, "location"), location);
    }
    assert!(client.get("/s/sub/").ends_with("<p>index</p>"));
    let listing = client.get("/s/");
    assert!(listing.contains("href=\"./sub/\"") && listing.contains("href=\"./a.txt\""), "{listing}");
    assert!(!listing.contains("hidden") && !listing.contains("href=\"../\""));
    assert!(listing.find("./sub/") < listing.find("./a.txt"), "directories first");
    let listing = client.get("/s/sub/deep/");
    assert!(
        listing.contains("&lt;b&gt;&amp;\u{e9}.txt") && listing.contains("%3Cb%3E%26%C3%A9.txt"),
        "{listing}"
    );
    assert!(listing.contains("href=\"../\""));
    let escaped = client.get("/s/sub/deep/%3Cb%3E%26%C3%A9.txt");
    assert!(escaped.ends_with("\r\n\r\nx"), "{escaped}");

    let plain = Files::new(&sim, dir.root()).unwrap().hidden(true).index(None);
    let client = Client::of(&sim, Router::new().fallback(plain));
    assert_eq!(client.status("/"), 404);
    assert!(client.get("/.hidden").ends_with("secret"));
    assert_eq!(client.status("/sub/index.html"), 200);
    assert!(Files::new(&sim, dir.root().join("a.txt")).is_err());
}

#[test]
fn large_files_are_read_as_the_client_takes_them() {
    let (sim, dir) = (Sim::new(), Dir::new("large"));
    let content: Vec<u8> = (0..500_000u32).map(|i| (i % 253) as u8).collect();
    let path = dir.root().join("large.bin");
    fs::write(&path, &content).unwrap();
    let client = serve(&sim, &dir);
    client.1.send("GET /s/large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    sim.run();
    let all = client.1.recv();
    assert_eq!(&all[all.len() - content.len()..], &content[..]);

    // It shrinks while it is sent: the client must notice.
    client.1.set_window(100_000);
    client.1.send("GET /s/large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    sim.run();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200_000).unwrap();
    client.1.set_window(usize::MAX);
    sim.run();
    let all = client.1.recv();
    assert!(all.len() < content.len(), "{}", all.len());
    assert!(client.1.is_closed());
}
