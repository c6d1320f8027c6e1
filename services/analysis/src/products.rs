//! Sums of products: the inner loops every classic quantity is made of. Order of summation is fixed, so bits do not change between runs.

/// Lags handled in one sweep: eight SSE2 accumulators.
const LAGS_PER_SWEEP: usize = 4;
/// Samples handled per inner step.
const LANES: usize = 4;

/// Σ a\[t\]·b\[t\] over the shorter length, four partial sums.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut acc = [0.0; 2 * LANES];
    let mut pa = a.chunks_exact(2 * LANES);
    let mut pb = b.chunks_exact(2 * LANES);
    for (x, y) in (&mut pa).zip(&mut pb) {
        for k in 0..2 * LANES {
            acc[k] += x[k] * y[k];
        }
    }
    let mut tail = 0.0;
    for (x, y) in pa.remainder().iter().zip(pb.remainder()) {
        tail += x * y;
    }
    ((acc[0] + acc[4]) + (acc[1] + acc[5])) + ((acc[2] + acc[6]) + (acc[3] + acc[7])) + tail
}

/// `out[k] = Σ_{t} head[t] · back[t + back_len_offset - k]`: products of `head` with `back` read `k` places earlier.
///
/// `head.len()` terms each; `back` must reach `out.len() - 1` samples before and `head.len()` after `origin`, where `back[origin]`
/// meets `head[0]` at lag 0.
pub(crate) fn lagged(head: &[f64], back: &[f64], origin: usize, out: &mut [f64]) {
    let n = head.len();
    let mut lag = 0;
    while lag + LAGS_PER_SWEEP <= out.len() {
        let b0 = &back[origin - lag..][..n];
        let b1 = &back[origin - lag - 1..][..n];
        let b2 = &back[origin - lag - 2..][..n];
        let b3 = &back[origin - lag - 3..][..n];
        let mut acc = [[0.0; LANES]; LAGS_PER_SWEEP];
        let whole = n - n % LANES;
        let chunks = head[..whole]
            .chunks_exact(LANES)
            .zip(b0[..whole].chunks_exact(LANES))
            .zip(b1[..whole].chunks_exact(LANES))
            .zip(b2[..whole].chunks_exact(LANES))
            .zip(b3[..whole].chunks_exact(LANES));
        for ((((h, c0), c1), c2), c3) in chunks {
            for k in 0..LANES {
                acc[0][k] += h[k] * c0[k];
                acc[1][k] += h[k] * c1[k];
                acc[2][k] += h[k] * c2[k];
                acc[3][k] += h[k] * c3[k];
            }
        }
        for (j, b) in [b0, b1, b2, b3].into_iter().enumerate() {
            let mut sum = (acc[j][0] + acc[j][1]) + (acc[j][2] + acc[j][3]);
            for t in whole..n {
                sum += head[t] * b[t];
            }
            out[lag + j] = sum;
        }
        lag += LAGS_PER_SWEEP;
    }
    for k in lag..out.len() {
        out[k] = dot(head, &back[origin - k..][..n]);
    }
}

/// A sum kept as high part and error (Neumaier), in four interleaved lanes.
///
/// Returns `(sum, error)`; the exact sum is close to `sum + error` with error about n·2⁻¹⁰⁴ of Σ|x|.
pub(crate) fn compensated_sum(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut high = [0.0_f64; LANES];
    let mut low = [0.0_f64; LANES];
    for (i, x) in values.enumerate() {
        let lane = i % LANES;
        let (s, e) = two_sum(high[lane], x);
        high[lane] = s;
        low[lane] += e;
    }
    let mut sum = 0.0;
    let mut error = 0.0;
    for lane in 0..LANES {
        let (s, e) = two_sum(sum, high[lane]);
        sum = s;
        error += e + low[lane];
    }
    (sum, error)
}

/// Knuth's branch-free exact addition: `a + b = s + e`.
#[inline]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let bb = s - a;
    (s, (a - (s - bb)) + (b - bb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lagged_products_match_the_definition() {
        let x: Vec<f64> = (0..37).map(|i| f64::from(i * i % 11) - 4.5).collect();
        let mut out = vec![0.0; 7];
        let head = &x[6..];
        lagged(head, &x, 6, &mut out);
        for (k, got) in out.iter().enumerate() {
            let want: f64 = (6..37).map(|t| x[t] * x[t - k]).sum();
            assert!((got - want).abs() < 1e-12, "lag {k}: {got} {want}");
        }
    }

    #[test]
    fn a_compensated_sum_keeps_what_plain_addition_loses() {
        let x = [1e16, 1.0, -1e16, 1.0, 3.0, 1e16, -1e16, 2.0];
        let (s, e) = compensated_sum(x.iter().copied());
        assert_eq!(s + e, 7.0);
    }
}
