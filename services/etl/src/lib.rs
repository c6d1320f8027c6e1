//! Extract, transform, publish: runs, schedule, samples.
