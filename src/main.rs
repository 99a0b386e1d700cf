use std::process::ExitCode;

fn main() -> ExitCode {
    wayside::cli::main()
}
