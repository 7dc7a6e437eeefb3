use std::process::ExitCode;

fn main() -> ExitCode {
    surveyd::cli::run()
}
