//! What every service process needs: telemetry, shutdown, gRPC server, error to Status.
