//! `wayside model pull`, against a server that cuts, stalls and lies: the folder is there whole, or as it was before.
#![cfg(feature = "pull")]

mod cli;
#[path = "../models/command.rs"]
mod command;
mod server;

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use server::{Server, hold, send, write};
use wayside::clock::SystemClock;
use wayside::model::pull::{Entry, Event, Origin, Patience, Place, PullError};
use wayside::model::sha256_hex;

/// Bytes of no pattern that a wrong place would not show.
fn file() -> Vec<u8> {
    (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn entry(file: &[u8]) -> Entry {
    Entry {
        name: "m".into(),
        what: "a file".into(),
        task: "nothing".into(),
        url: "https://example.org/m.onnx".into(),
        bytes: file.len() as u64,
        sha256: sha256_hex(file),
        licence: "MIT".into(),
        training_data: String::new(),
        accuracy: String::new(),
        detect: None,
    }
}

/// The whole way of `file` into `dir/m`, from `url`, in at most `tries`. Returns why it was tried again.
fn pull(dir: &Path, file: &[u8], url: &str, tries: u32) -> Result<Vec<String>, PullError> {
    pull_with(dir, file, url, Patience { tries, ..Patience::default() })
}

fn pull_with(dir: &Path, file: &[u8], url: &str, patience: Patience) -> Result<Vec<String>, PullError> {
    let patience = Patience { pause: Duration::from_millis(1), ..patience };
    let entry = entry(file);
    let place = Place::new(dir, &entry.name, true)?;
    let origin = Origin::new(&entry, Some(url))?;
    let mut said = Vec::new();
    let mut tell = |event| match event {
        Event::Again(reason) => said.push(reason),
        Event::There(bytes) => assert!(bytes <= entry.bytes),
    };
    let bytes = place.obtain(&entry, &origin, &patience, &SystemClock::new(), &mut tell)?;
    assert_eq!(bytes, file);
    place.install(&entry, &bytes)?;
    Ok(said)
}

/// A directory with an installed model `m`.
fn installed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("m/source.toml"), "old").unwrap();
    fs::write(dir.path().join("m/model.onnx"), "old").unwrap();
    dir
}

/// The one line of a refusal that left what was installed.
fn refused(dir: &tempfile::TempDir, result: Result<Vec<String>, PullError>) -> String {
    assert_eq!(fs::read(dir.path().join("m/model.onnx")).unwrap(), b"old");
    assert_eq!(fs::read(dir.path().join("m/source.toml")).unwrap(), b"old");
    let line = result.unwrap_err().to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

fn part(dir: &tempfile::TempDir) -> Option<Vec<u8>> {
    fs::read(dir.path().join("m.part")).ok()
}

#[track_caller]
fn whole(dir: &tempfile::TempDir) {
    assert_eq!(fs::read(dir.path().join("m/model.onnx")).unwrap(), file());
    assert!(fs::read_to_string(dir.path().join("m/source.toml")).unwrap().contains(&sha256_hex(&file())));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing of the work is left");
}

#[test]
fn a_file_that_is_served_rightly_becomes_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::honest(file());
    assert_eq!(pull(dir.path(), &file(), &format!("{}/models/", server.url), 1).unwrap(), [""; 0]);
    assert_eq!(server.seen()[0].path, "/models/m.onnx");
    whole(&dir);
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let dir = installed();
    let cuts = Server::start(|request, _, stream| send(stream, request, &file(), 40_000));
    let said = pull(dir.path(), &file(), &cuts.url, 3).unwrap();
    assert!(said.len() == 2 && said[0].contains("40000 of 100000"), "{said:?}");
    let seen: Vec<_> = cuts.seen().into_iter().map(|request| (request.range, request.if_range)).collect();
    let version = Some("\"v1\"".to_owned());
    assert_eq!(seen, [(None, None), (Some(40_000), version.clone()), (Some(80_000), version)]);
    whole(&dir);
}

#[test]
fn the_next_command_goes_on_where_this_one_gave_up() {
    let dir = installed();
    let cuts = Server::start(|request, _, stream| send(stream, request, &file(), 40_000));
    let line = refused(&dir, pull(dir.path(), &file(), &cuts.url, 1));
    for word in [&*cuts.url, "40000 of 100000 bytes are kept in", "m.part", "--from"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert_eq!(part(&dir).unwrap(), file()[..40_000]);
    let honest = Server::honest(file());
    pull(dir.path(), &file(), &honest.url, 1).unwrap();
    assert_eq!(honest.seen()[0].range, Some(40_000));
    whole(&dir);
}

#[test]
fn a_server_without_ranges_starts_anew() {
    let dir = installed();
    fs::write(dir.path().join("m.part"), &file()[..70_000]).unwrap();
    let server = Server::start(|request, _, stream| {
        let request = server::Request { range: None, ..request.clone() };
        send(stream, &request, &file(), usize::MAX);
    });
    pull(dir.path(), &file(), &server.url, 1).unwrap();
    assert_eq!(server.seen()[0].range, Some(70_000));
    whole(&dir);
}

#[test]
fn another_part_than_the_one_asked_for_is_not_taken() {
    let dir = installed();
    fs::write(dir.path().join("m.part"), &file()[..70_000]).unwrap();
    let server = Server::start(|request, _, stream| {
        let shifted = server::Request { range: request.range.map(|start| start - 1), ..request.clone() };
        send(stream, &shifted, &file(), usize::MAX);
    });
    pull(dir.path(), &file(), &server.url, 1).unwrap();
    assert_eq!(server.seen().len(), 2);
    whole(&dir);
}

#[test]
fn a_wrong_beginning_is_thrown_away_once() {
    for wrong in [50_000, 100_000, 200_000] {
        let dir = installed();
        fs::write(dir.path().join("m.part"), vec![7; wrong]).unwrap();
        pull(dir.path(), &file(), &Server::honest(file()).url, 1).unwrap();
        whole(&dir);
    }
}

#[test]
fn a_stall_ends_and_keeps_what_came() {
    let dir = installed();
    // Short, but not for a busy machine that only sends 30 kB to itself.
    let patience = |tries| Patience { stall: Duration::from_secs(1), tries, ..Patience::default() };
    let server = Server::start(|request, _, stream| {
        send(stream, request, &file(), 30_000);
        hold(stream);
    });
    let line = refused(&dir, pull_with(dir.path(), &file(), &server.url, patience(1)));
    assert!(line.contains("stalled, no byte for 1s") && line.contains("30000 of 100000"), "{line}");
    assert_eq!(part(&dir).unwrap(), file()[..30_000]);

    let silent = Server::start(|_, _, stream| hold(stream));
    let line = refused(&dir, pull_with(dir.path(), &file(), &silent.url, patience(2)));
    assert!(line.contains("stalled") && line.contains("tries: 2"), "{line}");
    assert_eq!(part(&dir).unwrap().len(), 30_000);
}

#[test]
fn a_server_without_end_is_not_written_beyond_the_size() {
    let endless = |start: Vec<u8>| {
        Server::start(move |_, _, stream| {
            write(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            write(stream, &start);
            // Until the client goes away; some GB at most.
            let zeros = vec![0; 1 << 20];
            (0..4096).map_while(|_| std::io::Write::write_all(stream, &zeros).ok()).for_each(drop);
        })
    };
    let dir = installed();
    let line = refused(&dir, pull(dir.path(), &file(), &endless(Vec::new()).url, 2));
    assert!(line.contains("sha256"), "{line}");
    assert_eq!(part(&dir), None, "proven wrong");
    // What comes behind the right file is nobody's business.
    pull(dir.path(), &file(), &endless(file()).url, 1).unwrap();
    whole(&dir);
}

#[test]
fn a_wrong_digest_deletes_nothing_and_installs_nothing() {
    let mut other = file();
    other[99_999] ^= 1;
    let dir = installed();
    let server = Server::honest(other.clone());
    let line = refused(&dir, pull(dir.path(), &file(), &server.url, 3));
    for word in [&*sha256_hex(&file()), &*sha256_hex(&other), &*server.url, "--from"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert_eq!((server.seen().len(), part(&dir)), (1, None));

    let local = dir.path().join("other.onnx");
    fs::write(&local, &other).unwrap();
    fs::write(dir.path().join("m.part"), "begun").unwrap();
    let line = refused(&dir, pull(dir.path(), &file(), &local.to_string_lossy(), 1));
    assert!(line.contains(&sha256_hex(&other)), "{line}");
    assert_eq!(part(&dir).unwrap(), b"begun", "a local file says nothing about it");
    assert_eq!(fs::read(&local).unwrap(), other);
}

#[test]
fn a_size_that_is_not_the_catalogues_is_refused_before_a_byte() {
    for bytes in [99_999, 100_001] {
        let dir = installed();
        let server = Server::honest(vec![1; bytes]);
        let line = refused(&dir, pull(dir.path(), &file(), &server.url, 3));
        assert!(line.contains(&format!("{bytes} bytes")) && line.contains("100000"), "{line}");
        assert_eq!((server.seen().len(), part(&dir)), (1, None));
    }
}

#[test]
fn a_length_that_lies_is_a_cut() {
    let dir = installed();
    let lies = Server::start(|_, _, stream| {
        write(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n");
        write(stream, &file()[..10]);
    });
    let line = refused(&dir, pull(dir.path(), &file(), &lies.url, 2));
    assert!(line.contains("10 of 100000") && line.contains("tries: 2"), "{line}");
    assert_eq!(part(&dir).unwrap(), file()[..10]);
}

#[test]
fn a_refusal_is_final_and_an_overload_is_not() {
    let dir = installed();
    let answer = |text: &'static str| Server::start(move |_, _, stream| write(stream, text));
    let missing = answer("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let line = refused(&dir, pull(dir.path(), &file(), &missing.url, 3));
    assert!(line.contains("/m.onnx: the server answers 404 Not Found: name another place"), "{line}");
    assert_eq!((missing.seen().len(), part(&dir)), (1, None));

    let overload = Server::start(|request, number, stream| match number {
        0 => write(stream, "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
        _ => send(stream, request, &file(), usize::MAX),
    });
    assert!(pull(dir.path(), &file(), &overload.url, 2).unwrap()[0].contains("503"));
    whole(&dir);
}

#[test]
fn garbage_and_closed_doors_are_one_line() {
    let dir = installed();
    for answer in [
        "",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: many\r\n\r\n",
        "HTTP/1.1 206 Part\r\nconnection: close\r\n\r\nx",
    ] {
        let server = Server::start(move |_, _, stream| write(stream, answer));
        let line = refused(&dir, pull(dir.path(), &file(), &server.url, 2));
        assert!(line.starts_with(&server.url), "{answer:?}: {line}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = refused(&dir, pull(dir.path(), &file(), &format!("http://{closed}"), 1));
    assert!(line.contains("cannot be reached") || line.contains("connection failed"), "{line}");
    assert!(part(&dir).unwrap_or_default().is_empty());
}

#[test]
fn redirections_are_followed_but_not_for_ever() {
    let dir = installed();
    let circle = Server::start(|_, _, stream| {
        write(stream, "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /m.onnx\r\ncontent-length: 0\r\n\r\n");
    });
    let line = refused(&dir, pull(dir.path(), &file(), &circle.url, 3));
    assert!(line.contains("redirects more than 5 times"), "{line}");
    assert_eq!(circle.seen().len(), 6);

    let store = Server::start(|request, _, stream| match request.path.as_str() {
        "/store" => send(stream, request, &file(), 60_000),
        _ => write(stream, "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /store\r\ncontent-length: 0\r\n\r\n"),
    });
    pull(dir.path(), &file(), &store.url, 2).unwrap();
    assert_eq!(store.seen().last().unwrap().range, Some(60_000), "a part is asked for behind a redirection, too");
    whole(&dir);
}

#[test]
fn a_full_disk_is_one_line() {
    let dir = installed();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("m.part")).unwrap();
    let line = refused(&dir, pull(dir.path(), &file(), &Server::honest(file()).url, 3));
    assert!(line.contains("m.part: the disk is full, 100000 bytes are missing"), "{line}");
}

#[test]
fn two_commands_do_not_write_one_file() {
    let dir = installed();
    let other = File::create(dir.path().join("m.part")).unwrap();
    other.lock().unwrap();
    let line = refused(&dir, pull(dir.path(), &file(), &Server::honest(file()).url, 1));
    assert!(line.contains("another command is writing it"), "{line}");
}

#[test]
fn what_is_no_model_folder_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("m/letter.txt"), "dear").unwrap();
    let server = Server::honest(file());
    let line = pull(dir.path(), &file(), &server.url, 1).unwrap_err().to_string();
    assert!(line.contains("no model folder"), "{line}");
    assert_eq!(fs::read(dir.path().join("m/letter.txt")).unwrap(), b"dear");
    assert_eq!(server.seen(), []);
}
