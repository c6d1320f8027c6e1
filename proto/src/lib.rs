//! The contract: generated code, conversions and Peer, the one client.
