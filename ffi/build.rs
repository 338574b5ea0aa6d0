//! Gives the shared library its name: programs ask the loader for this one, and a library that breaks the ABI gets
//! another (`AVX_ABI_VERSION`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libavx.so.0");
    }
}
