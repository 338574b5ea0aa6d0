//! Attacks against a live server: every transcript in which a server reads once and answers an error.

use super::{Running, Setup, Target, is_unharmed};
use crate::peer::Peer;
use crate::transcript::{Case, Document, Role};
use std::path::Path;

/// The status observed, the connection closed, the next one unharmed.
pub fn every_attack_is_answered_and_closed<T: Target>() {
    let mut server: Option<(Case, T::Running)> = None;
    let mut attacks = 0;
    for case in cases() {
        let Some((wire, status)) = case.refusal() else { continue };
        // One server for all cases with the same configuration.
        let same = |(before, _): &(Case, T::Running)| before.has_config_of(&case);
        if !server.as_ref().is_some_and(same) {
            let running = T::start(&Setup { config: case.config, ..Setup::default() });
            server = Some((case.clone(), running));
        }
        let Some((_, running)) = &server else { unreachable!() };
        let mut peer = Peer::connect(running.addr());
        peer.send(&wire);
        let answer = peer.answer();
        assert_eq!((answer.status, answer.closes()), (status, true), "{}", case.title);
        peer.wait_for_the_end();
        drop(peer);
        is_unharmed(running);
        attacks += 1;
    }
    assert!(attacks > 100, "only {attacks} attacks were found");
}

/// All cases of all transcripts, those with one configuration next to each other.
fn cases() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/h1");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the transcripts") {
        let source = std::fs::read_to_string(entry.expect("a file").path()).expect("a transcript");
        cases.extend(Document::parse(&source).expect("a transcript").cases);
    }
    cases.retain(|case| case.role == Role::Server);
    cases.sort_by_cached_key(|case| format!("{:?}", case.config));
    cases
}
