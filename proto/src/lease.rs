//! Names of leases, which those who take them and those who keep them must agree on.

/// Of the manager that judges and writes the ledger. Only the one that holds it does.
pub const MANAGER: &str = "manager";
/// Of the process that asks for the weather. Only the one that holds it spends the provider's quota.
pub const WEATHER: &str = "weather";
