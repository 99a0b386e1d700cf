//! How people name a camera: `KIND[,key=value…]:WHAT`. What follows the first colon belongs to the kind and is taken as
//! it stands, so that device paths may hold colons and commands anything at all. No character needs quoting in a shell.

use std::fmt;

use crate::limits::{MAX_CAMERA_FPS, check_picture_size};

/// A camera as asked for; what is not said is left to the device.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSpec {
    pub kind: CameraKind,
    /// The device's path, its number, or the command.
    pub what: String,
    pub size: Option<(u32, u32)>,
    pub fps: Option<f64>,
    pub format: Option<Coding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraKind {
    V4l,
    Webcam,
    Pipe,
}

/// How a camera's data hold the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Yuyv,
    Uyvy,
    Nv12,
    I420,
    Rgb24,
    Bgr24,
    Grey,
    Mjpg,
    H264,
}

/// With the names that cameras and other programs use.
const CODINGS: &[(Coding, &[&str])] = &[
    (Coding::Yuyv, &["yuyv", "yuy2"]),
    (Coding::Uyvy, &["uyvy"]),
    (Coding::Nv12, &["nv12"]),
    (Coding::I420, &["i420", "yuv420", "yu12"]),
    (Coding::Rgb24, &["rgb24", "rgb3"]),
    (Coding::Bgr24, &["bgr24", "bgr3", "bgr"]),
    (Coding::Grey, &["grey", "gray"]),
    (Coding::Mjpg, &["mjpg", "mjpeg"]),
    (Coding::H264, &["h264"]),
];

impl Coding {
    fn parse(word: &str) -> Option<Self> {
        let named = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        CODINGS.iter().find(|(_, names)| named(names)).map(|(coding, _)| *coding)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every coding has its row, with at least one name.
        let name = CODINGS.iter().find(|(coding, _)| coding == self).map_or("", |(_, names)| names[0]);
        f.write_str(name)
    }
}

const KINDS: [(&str, CameraKind); 3] =
    [("v4l", CameraKind::V4l), ("webcam", CameraKind::Webcam), ("pipe", CameraKind::Pipe)];
const KEYS: [&str; 3] = ["size", "fps", "format"];

impl CameraSpec {
    /// `None`: `text` names no camera. A bare `/dev/video…` is `v4l:/dev/video…`.
    ///
    /// # Errors
    /// What is wrong and what is allowed, in words that follow `text` and a colon.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        if text.starts_with("/dev/") {
            return Some(Ok(Self::bare(CameraKind::V4l, text)));
        }
        let (head, what) = text.split_once(':')?;
        let mut words = head.split(',');
        let kind = words.next().and_then(|word| KINDS.iter().find(|(name, _)| *name == word))?.1;
        Some(Self::bare(kind, what.trim()).with(words))
    }

    fn bare(kind: CameraKind, what: &str) -> Self {
        Self { kind, what: what.to_owned(), size: None, fps: None, format: None }
    }

    fn with<'a>(mut self, words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let wrong = |expected: &str| format!("{key}={value}: expected {expected}");
            match key {
                "size" => self.size = Some(size(value).ok_or_else(|| wrong("WIDTHxHEIGHT, e.g. size=1280x720"))??),
                "fps" => {
                    let fps = value.parse().ok().filter(|fps| *fps > 0.0 && *fps <= MAX_CAMERA_FPS);
                    self.fps = Some(fps.ok_or_else(|| wrong(&format!("a number above 0, at most {MAX_CAMERA_FPS}")))?);
                }
                "format" => {
                    let names: Vec<_> = CODINGS.iter().map(|(_, names)| names[0]).collect();
                    let coding = Coding::parse(value);
                    self.format = Some(coding.ok_or_else(|| wrong(&format!("one of {}", names.join(", "))))?);
                }
                _ => {
                    let nearest = KEYS.into_iter().min_by_key(|known| strsim::damerau_levenshtein(key, known));
                    let meant = nearest.unwrap_or_default();
                    return Err(format!("no key {key:?}; did you mean {meant}=…? There are {}", KEYS.join(", ")));
                }
            }
        }
        match (self.what.is_empty(), self.kind) {
            (false, _) => Ok(self),
            (true, CameraKind::V4l) => Err("which device? e.g. v4l:/dev/video0; `wayside cameras` lists them".into()),
            (true, CameraKind::Webcam) => Err("which camera? e.g. webcam:0; `wayside cameras` lists them".into()),
            (true, CameraKind::Pipe) => Err("which command? e.g. pipe,format=mjpg:rpicam-vid -t 0 -o -".into()),
        }
    }
}

/// `None`: no two numbers; else whether they can be a picture's.
fn size(value: &str) -> Option<Result<(u32, u32), String>> {
    let (width, height) = value.split_once('x')?;
    let (width, height) = (width.parse().ok()?, height.parse().ok()?);
    Some(check_picture_size(width, height).map(|()| (width, height)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read_and_the_rest_is_left_alone() {
        let spec = CameraSpec::parse("pipe,format=nv12,size=1280x720,fps=15:rpicam-vid -t 0 -o - | tee a:b,c").unwrap();
        let want = CameraSpec {
            kind: CameraKind::Pipe,
            what: "rpicam-vid -t 0 -o - | tee a:b,c".into(),
            size: Some((1280, 720)),
            fps: Some(15.0),
            format: Some(Coding::Nv12),
        };
        assert_eq!(spec, Ok(want));
        let by_path = CameraSpec::parse("v4l:/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0").unwrap();
        assert!(by_path.unwrap().what.ends_with(":1.0-video-index0"));
        assert_eq!(CameraSpec::parse("/dev/video2"), CameraSpec::parse("v4l:/dev/video2"));
        for (coding, names) in CODINGS {
            assert!(names.iter().all(|name| Coding::parse(&name.to_uppercase()) == Some(*coding)));
            assert_eq!(Coding::parse(&coding.to_string()), Some(*coding));
        }
    }

    #[test]
    fn what_is_no_camera_is_left_to_others() {
        for text in ["clip.mp4", "scene:road", "a:b.avi", "rtsp://camera/1", "v4lish:x", "pipes,fps=3:x"] {
            assert_eq!(CameraSpec::parse(text), None, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_what_is_allowed() {
        for (text, words) in [
            ("v4l,sise=640x480:/dev/video0", "did you mean size=…"),
            ("v4l,size=640:/dev/video0", "size=640: expected WIDTHxHEIGHT"),
            ("v4l,size=0x480:/dev/video0", "empty"),
            ("v4l,size=99999x99999:/dev/video0", "too many"),
            ("v4l,fps=0:/dev/video0", "above 0"),
            ("v4l,fps=nan:/dev/video0", "above 0"),
            ("v4l,format=mp4:/dev/video0", "one of yuyv"),
            ("v4l:", "wayside cameras"),
            ("pipe,format=nv12: ", "which command"),
        ] {
            let error = CameraSpec::parse(text).unwrap().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
