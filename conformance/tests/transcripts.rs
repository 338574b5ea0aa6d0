//! Every transcript, in every manner. One test a file, found by its name.

use conformance::transcript;
use std::path::Path;

macro_rules! transcripts {
    ($( $name:ident: $file:literal; )*) => {
        $( #[test] fn $name() { check($file); } )*

        /// A transcript nobody runs would be worse than none.
        #[test]
        fn every_file_is_played() {
            let played = [$( $file ),*];
            for entry in std::fs::read_dir(dir()).unwrap() {
                let file = entry.unwrap().file_name().into_string().unwrap();
                assert!(played.contains(&file.as_str()), "{file} is missing in tests/transcripts.rs");
            }
        }
    };
}

transcripts! {
    rfc9112_2_2_message_parsing: "2.2-message-parsing.md";
}

fn dir() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/h1")
}

#[track_caller]
fn check(file: &str) {
    match transcript::check(&dir().join(file)) {
        Ok(cases) => assert!(cases > 0, "{file} holds no case"),
        Err(report) => panic!("\n{report}"),
    }
}
