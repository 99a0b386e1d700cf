//! Says so where the video decoder is about to be built without its assembly: openh264 then decodes several times
//! slower, and its own build script is silent about it.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-env-changed=OPENH264_NO_ASM");
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let needs_nasm = env::var_os("CARGO_FEATURE_CLIP").is_some() && matches!(architecture.as_str(), "x86" | "x86_64");
    if needs_nasm && !on_path("nasm") {
        println!(
            "cargo::warning=nasm is not on the PATH: the H.264 decoder is built without assembly and will be slow. \
             Install it (Debian: apt install nasm), then: cargo clean -p openh264-sys2 && cargo build"
        );
    }
    if needs_nasm && env::var_os("OPENH264_NO_ASM").is_some() {
        println!("cargo::warning=OPENH264_NO_ASM is set: the H.264 decoder is built without assembly and will be slow");
    }
}

fn on_path(program: &str) -> bool {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(&name).is_file()))
}
