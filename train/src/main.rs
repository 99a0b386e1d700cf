use std::process::ExitCode;

fn main() -> ExitCode {
    wayside_train::cli::main()
}
