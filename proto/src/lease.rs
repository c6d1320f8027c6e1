//! Names of leases, which those who take them and those who keep them must agree on.

/// Of the manager that judges and writes the ledger. Only the one that holds it does.
pub const MANAGER: &str = "manager";
