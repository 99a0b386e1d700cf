//! Cameras as devices: are they there, are they cameras, may this user open them? Not here: formats and frames (source/).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Note;

/// What an input needs that is no file.
#[derive(Debug, PartialEq)]
pub enum Wanted {
    /// A camera of the kernel.
    Video(PathBuf),
    /// A command whose output is read.
    Command(String),
}

const ABOUT: &str = "camera";

/// Major number of video4linux devices (Documentation/admin-guide/devices.txt of the kernel).
const VIDEO4LINUX: u32 = 81;

/// `v4l:/dev/video0`, `v4l:0`, `webcam:0`, `pipe:rpicam-vid …`; `None` for files and scenes.
pub fn wanted(input: &str) -> Option<Wanted> {
    let (kind, rest) = input.split_once(':')?;
    let name = rest.split('?').next().unwrap_or_default();
    match kind {
        "v4l" | "webcam" if name.starts_with('/') => Some(Wanted::Video(name.into())),
        "v4l" | "webcam" => {
            Some(Wanted::Video(format!("/dev/video{}", if name.is_empty() { "0" } else { name }).into()))
        }
        "pipe" => Some(Wanted::Command(rest.split_whitespace().next().unwrap_or_default().into())),
        _ => None,
    }
}

impl Wanted {
    pub fn examine(&self, source: &str) -> Note {
        match self {
            Wanted::Video(path) => video(source, path),
            Wanted::Command(program) => command(source, program, &std::env::var_os("PATH").unwrap_or_default()),
        }
    }
}

fn video(source: &str, path: &Path) -> Note {
    let is_camera = |meta: &fs::Metadata| meta.file_type().is_char_device() && libc::major(meta.rdev()) == VIDEO4LINUX;
    match fs::metadata(path) {
        Ok(meta) if !is_camera(&meta) => {
            Note::wrong(ABOUT, format!("{source}: {} is no camera: {}", path.display(), others()))
        }
        Ok(_) => opened(source, path, File::options().read(true).write(true).open(path).map(drop)),
        Err(error) => opened(source, path, Err(error)),
    }
}

fn opened(source: &str, path: &Path, result: io::Result<()>) -> Note {
    let path = path.display();
    match result {
        Ok(()) => Note::ok(ABOUT, format!("{source}: {path} is there and may be opened")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Note::wrong(ABOUT, format!("{source}: no {path}: is the camera plugged in? {}", others()))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Note::wrong(
            ABOUT,
            format!("{source}: {path} may not be opened: sudo usermod -aG video \"$USER\", then log in again"),
        ),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            Note::warn(ABOUT, format!("{source}: {path} is in use by another program (the service itself?)"))
        }
        Err(error) => Note::wrong(ABOUT, format!("{source}: {path}: {error}: unplug the camera, and look into dmesg")),
    }
}

/// The cameras that there are, for whoever named another.
fn others() -> String {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with("video"));
    names.sort();
    match names.is_empty() {
        true => "there is no /dev/video at all".into(),
        false => format!("there are {}", names.join(", ")),
    }
}

fn command(source: &str, program: &str, path: &std::ffi::OsStr) -> Note {
    let there = match program.contains('/') {
        true => Path::new(program).is_file(),
        false => std::env::split_paths(path).any(|folder| !program.is_empty() && folder.join(program).is_file()),
    };
    match there {
        true => Note::ok(ABOUT, format!("{source}: {program} is installed")),
        false => {
            Note::wrong(ABOUT, format!("{source}: no program {program:?} on the PATH: install it, or give its path"))
        }
    }
}

/// Whether this user belongs to the group of cameras.
pub fn group() -> Note {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    // SAFETY: both only return a number.
    let (user, main) = unsafe { (libc::geteuid(), libc::getegid()) };
    let mut mine = vec![main; 256];
    // SAFETY: the buffer has room for as many numbers as is said.
    let count = unsafe { libc::getgroups(mine.len() as libc::c_int - 1, mine[1..].as_mut_ptr()) };
    mine.truncate(1 + usize::try_from(count).unwrap_or(0));
    membership(&groups, user, &mine)
}

fn membership(groups: &str, user: u32, mine: &[u32]) -> Note {
    const ABOUT: &str = "permissions";
    let video = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some("video")).then(|| fields.nth(1)?.parse::<u32>().ok())?
    });
    match video {
        _ if user == 0 => Note::ok(ABOUT, "this is root, who may open every camera; the service is another user"),
        Some(video) if mine.contains(&video) => Note::ok(ABOUT, "this user is in the group video"),
        Some(_) => Note::warn(
            ABOUT,
            "this user is not in the group video: sudo usermod -aG video \"$USER\", then log in again (the service is)",
        ),
        None => Note::warn(ABOUT, "there is no group video here: whose are the cameras? ls -l /dev/video*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Severity::{Error, Info, Warning};

    #[test]
    fn inputs_that_are_devices_or_commands() {
        let video = |path: &str| Some(Wanted::Video(path.into()));
        assert_eq!(wanted("v4l:/dev/video2?size=640x480"), video("/dev/video2"));
        assert_eq!(wanted("v4l:2"), video("/dev/video2"));
        assert_eq!(wanted("webcam:"), video("/dev/video0"));
        assert_eq!(wanted("pipe:rpicam-vid -t 0 -o -"), Some(Wanted::Command("rpicam-vid".into())));
        assert_eq!([wanted("scene:road"), wanted("clip.mp4"), wanted("a:b.mp4")], [None, None, None]);
    }

    #[test]
    fn what_is_no_camera_and_what_is_not_there() {
        let null = video("road", Path::new("/dev/null"));
        assert!(null.severity == Error && null.text.contains("is no camera"), "{null:?}");
        let missing = video("road", Path::new("/dev/video-nosuch"));
        assert!(missing.severity == Error && missing.text.contains("plugged in"), "{missing:?}");
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let refused = |code| opened("road", Path::new("/dev/video0"), Err(io::Error::from_raw_os_error(code)));
        for (code, severity, words) in [
            (libc::EACCES, Error, "usermod -aG video"),
            (libc::EBUSY, Warning, "another program"),
            (libc::ENODEV, Error, "dmesg"),
        ] {
            let note = refused(code);
            assert!(note.severity == severity && note.text.contains(words), "{note:?}");
        }
    }

    #[test]
    fn a_command_is_looked_for_on_the_path() {
        let path = std::ffi::OsStr::new("/nosuch:/bin:/usr/bin");
        assert_eq!(command("road", "sh", path).severity, Info);
        assert_eq!(command("road", "/bin/sh", path).severity, Info);
        for missing in ["no-such-program", "/bin/no-such-program", ""] {
            assert_eq!(command("road", missing, path).severity, Error);
        }
    }

    #[test]
    fn the_group_of_cameras() {
        let groups = "root:x:0:\nvideo:x:44:pi\n";
        assert_eq!(membership(groups, 1000, &[1000, 44]).severity, Info);
        assert_eq!(membership(groups, 1000, &[1000]).severity, Warning);
        assert_eq!(membership("", 1000, &[1000]).severity, Warning);
        assert_eq!(membership(groups, 0, &[0]).severity, Info);
    }
}
