//! The binary `sla`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sla_launcher::run()
}
