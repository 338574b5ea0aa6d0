//! The header says what the library does: it is generated from it, and this test fails where it was not.
//! `BLESS=1 cargo test -p avx-ffi --test header` writes it.

use std::path::Path;

#[test]
fn the_header_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let sources =
        ["lib", "code", "config", "connection", "event", "next", "drive", "http", "opening", "websocket"];
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), |builder, name| {
        builder.with_src(root.join("src").join(format!("{name}.rs")))
    });
    let mut fresh = Vec::new();
    builder.generate().unwrap().write(&mut fresh);
    let path = root.join("include/avx.h");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let there = std::fs::read(&path).unwrap_or_default();
    assert!(
        there == fresh,
        "include/avx.h is not what the sources say: BLESS=1 cargo test -p avx-ffi --test header"
    );
}
