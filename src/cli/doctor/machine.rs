//! The board itself: its disk, its processor, its clock. Each function asks the system; the one beside it judges, and is
//! tested.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Note;
use crate::clock::Clock;
use crate::limits::{PLAUSIBLE_YEARS, SCARCE_DAYS, SCARCE_DISK_BYTES};
use crate::part_file;

const PERMISSIONS: &str = "permissions";

fn folder_of(database: &Path) -> &Path {
    database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether rows can be stored: by making a file beside the database, which is gone at once.
pub fn writable(database: &Path) -> Note {
    let folder = folder_of(database);
    let result = match database.exists() {
        true => fs::File::options().append(true).open(database).map(drop),
        false => Ok(()),
    };
    stored(database, result.and_then(|()| part_file::begin(&folder.join("doctor")).map(drop)))
}

fn stored(database: &Path, result: io::Result<()>) -> Note {
    let folder = folder_of(database).display();
    match result {
        Ok(()) => Note::ok(PERMISSIONS, format!("{} can be written", database.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !folder_of(database).is_dir() => Note::wrong(
            PERMISSIONS,
            format!("{folder}: no such folder for the database: make it, or change [database] path"),
        ),
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Note::wrong(
            PERMISSIONS,
            format!("{folder}: the file system is read-only, which a worn SD card makes it: look into dmesg"),
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Note::wrong(
            PERMISSIONS,
            format!("{} may not be written by this user: change its owner, or [database] path", database.display()),
        ),
        Err(error) => Note::wrong(PERMISSIONS, format!("{folder}: nothing can be stored here: {error}")),
    }
}

/// A file system.
struct Disk {
    free: u64,
    read_only: bool,
}

/// `per_day`: by how many bytes the database grows.
pub fn disk(database: &Path, per_day: Option<u64>) -> Note {
    match statvfs(folder_of(database)) {
        Ok(disk) => space(&disk, per_day),
        Err(error) => Note::warn("disk", format!("{}: {error}", folder_of(database).display())),
    }
}

fn statvfs(folder: &Path) -> io::Result<Disk> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    // SAFETY: all zeros is a valid statvfs; the call reads a text that ends with 0 and writes into the struct.
    let (result, stat) = unsafe {
        let mut stat = std::mem::zeroed::<libc::statvfs>();
        (libc::statvfs(path.as_ptr(), &mut stat), stat)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // The fields' width depends on the platform.
    #[expect(clippy::unnecessary_cast, reason = "they are 32 bits wide on some boards")]
    let free = stat.f_bavail as u64 * stat.f_frsize as u64;
    Ok(Disk { free, read_only: stat.f_flag & libc::ST_RDONLY != 0 })
}

fn space(disk: &Disk, per_day: Option<u64>) -> Note {
    const ABOUT: &str = "disk";
    let free = disk.free as f64 / 1e9;
    let days = per_day.map(|bytes| disk.free / bytes.max(1));
    let lasts = match days {
        Some(days) if days > 3650 => "enough for more than ten years at the present growth".to_owned(),
        Some(days) => format!("enough for {days} days at the present growth"),
        None => "no growth is known yet".to_owned(),
    };
    if disk.read_only {
        return Note::wrong(ABOUT, "the file system is mounted read-only: look into dmesg, the SD card may be worn");
    }
    match (disk.free < SCARCE_DISK_BYTES, days) {
        (true, _) => Note::wrong(ABOUT, format!("only {free:.2} GB free: free some, or counting ends")),
        (false, Some(days)) if days < SCARCE_DAYS => {
            Note::warn(ABOUT, format!("{free:.1} GB free, {lasts}: free some"))
        }
        (false, _) => Note::ok(ABOUT, format!("{free:.1} GB free, {lasts}")),
    }
}

pub fn processor() -> Note {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    features(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default(), std::env::consts::ARCH, cores)
}

/// What of the instruction set decides how fast a network is.
fn features(cpuinfo: &str, arch: &str, cores: usize) -> Note {
    const ABOUT: &str = "processor";
    let line = cpuinfo.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let has = |name: &str| line.is_some_and(|line| line.split_whitespace().any(|flag| flag == name));
    let cores = format!("{cores} core(s)");
    match (line, arch) {
        (None, _) => Note::warn(ABOUT, format!("{cores}, {arch}; /proc/cpuinfo does not say what it can do")),
        (_, "x86_64" | "x86") => match (has("avx2"), has("avx512_vnni") || has("avx_vnni")) {
            (false, _) => {
                Note::warn(ABOUT, format!("{cores}, no AVX2: networks are several times slower than need be"))
            }
            (true, false) => {
                Note::ok(ABOUT, format!("{cores}, AVX2, no VNNI: quantised networks take two thirds of the time"))
            }
            (true, true) => Note::ok(ABOUT, format!("{cores}, AVX2, VNNI")),
        },
        (_, "aarch64") => match has("asimddp") {
            true => Note::ok(ABOUT, format!("{cores}, NEON with dot product")),
            false => Note::ok(ABOUT, format!("{cores}, NEON without dot product, as a Raspberry Pi 4")),
        },
        (_, "arm") if has("neon") => {
            Note::warn(ABOUT, format!("{cores}, 32 bits: a 64-bit system is faster on most boards"))
        }
        _ => Note::warn(ABOUT, format!("{cores}, {arch}: no vector instructions that are known to be used")),
    }
}

pub fn clock(clock: &dyn Clock) -> Vec<Note> {
    let rtc = fs::read_dir("/sys/class/rtc").is_ok_and(|mut entries| entries.next().is_some());
    time(clock.wall(), synchronised(), rtc)
}

/// Whether something keeps the clock right (adjtimex(2)); `None` where the kernel does not say.
fn synchronised() -> Option<bool> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    // SAFETY: all zeros asks for nothing to be changed; the call only writes into the struct.
    let (state, status) = unsafe {
        let mut timex = std::mem::zeroed::<libc::timex>();
        (libc::adjtimex(&mut timex), timex.status)
    };
    (state >= 0).then_some(status & libc::STA_UNSYNC == 0)
}

fn time(wall_us: i64, synchronised: Option<bool>, rtc: bool) -> Vec<Note> {
    const ABOUT: &str = "clock";
    let time = jiff::Timestamp::from_microsecond(wall_us).map(|time| time.to_zoned(jiff::tz::TimeZone::system()));
    let year = time.as_ref().map_or(0, |time| time.year());
    let shown = time.map_or_else(|error| error.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S %Z").to_string());
    let mut notes = Vec::new();
    notes.push(match (PLAUSIBLE_YEARS.contains(&year), synchronised) {
        (false, _) => Note::wrong(
            ABOUT,
            format!("it is not {shown}: wait for the network's time (timedatectl), or counts get a wrong date"),
        ),
        (true, Some(false)) => Note::warn(
            ABOUT,
            format!("{shown}, kept right by nobody: sudo timedatectl set-ntp true, or set it from time to time"),
        ),
        (true, Some(true)) => Note::ok(ABOUT, format!("{shown}, synchronised")),
        (true, None) => Note::ok(ABOUT, format!("{shown}; whether it is synchronised is not known")),
    });
    if !rtc {
        notes.push(Note::warn(
            ABOUT,
            "no battery clock: after a power cut the date is wrong until the network's time has come",
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Severity::{Error, Info, Warning};

    #[test]
    fn a_folder_that_cannot_be_written() {
        let refused = |code| stored(Path::new("/tmp/a.db"), Err(io::Error::from_raw_os_error(code)));
        assert!(refused(libc::EROFS).text.contains("SD card"));
        assert!(refused(libc::EACCES).text.contains("owner"));
        assert_eq!([libc::EROFS, libc::EACCES, libc::ENOSPC].map(|code| refused(code).severity), [Error; 3]);
        assert_eq!(writable(Path::new("/proc/a.db")).severity, Error);
        assert!(writable(Path::new("/no/such/a.db")).text.contains("no such folder"));

        let folder = tempfile::tempdir().unwrap();
        assert_eq!(writable(&folder.path().join("a.db")).severity, Info);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_disk_that_fills_up() {
        let space = |free, read_only, per_day| space(&Disk { free, read_only }, per_day);
        assert_eq!(space(20_000_000_000, false, None).severity, Info);
        assert!(space(20_000_000_000, false, Some(1_000_000_000)).text.contains("20 days"));
        assert_eq!(space(2_000_000_000, false, Some(1_000_000_000)).severity, Warning);
        assert_eq!(space(1_000_000, false, None).severity, Error);
        assert_eq!(space(20_000_000_000, true, None).severity, Error);
        let here = statvfs(Path::new(".")).unwrap();
        assert!(here.free > 0 && !here.read_only);
        assert!(statvfs(Path::new("/no/such")).is_err());
    }

    #[test]
    fn what_a_processor_can_do() {
        let note = |flags: &str, arch| features(flags, arch, 4);
        assert!(note("flags\t\t: fpu avx2 avx512_vnni", "x86_64").text.contains("AVX2, VNNI"));
        assert_eq!(note("flags\t\t: fpu sse2", "x86_64").severity, Warning);
        assert!(note("Features\t: fp asimd asimddp", "aarch64").text.contains("with dot product"));
        assert!(note("Features\t: fp asimd", "aarch64").text.contains("without dot product"));
        assert_eq!(note("Features\t: half neon", "arm").severity, Warning);
        assert_eq!(note("", "x86_64").severity, Warning);
    }

    #[test]
    fn a_clock_that_was_never_set_or_drifts() {
        let of = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let good = of("2026-05-01T10:00:00Z");
        let severities = |notes: Vec<Note>| notes.iter().map(|note| note.severity).collect::<Vec<_>>();
        assert_eq!(severities(time(good, Some(true), true)), [Info]);
        assert_eq!(severities(time(good, Some(false), true)), [Warning]);
        assert_eq!(severities(time(good, Some(true), false)), [Info, Warning]);
        for bad in [0, of("2019-01-01T00:00:00Z"), of("2150-01-01T00:00:00Z"), i64::MAX] {
            assert_eq!(severities(time(bad, Some(true), true)), [Error], "{bad}");
        }
    }
}
