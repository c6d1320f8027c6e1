//! Which models `sla analyze` is to compute, read from its flags.

use sla_analysis::arima::Order;
use sla_analysis::holt_winters;
use sla_domain::{Invalid, duration};

use crate::cli::AnalyzeArgs;

/// Models of one kind at most.
const MAX_MODELS: usize = 8;
/// Holt–Winters as the product runs it: bin width in milliseconds and bins of a season.
const CLASSIC: [(i64, usize); 2] = [(120_000, 5), (60_000, 10)];

/// Models to compute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    /// ARIMA orders.
    pub(super) arima: Vec<Order>,
    /// Holt–Winters: bin width in milliseconds and bins of a season.
    pub(super) holt_winters: Vec<(i64, usize)>,
    /// Parameters that replace a fit.
    pub(super) given: Given,
}

/// Parameters that came with the command, in the order of the golden files.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    /// None: everything is fitted.
    Nothing,
    /// mean (only with d = 0), φ…, θ…, σ².
    Arima(Vec<f64>),
    /// α, β*, γ, l₀, b₀, s₀….
    HoltWinters(Vec<f64>),
}

impl Wish {
    /// Reads the flags.
    pub(super) fn of(arguments: &AnalyzeArgs) -> Result<Self, Invalid> {
        let arima = orders(&arguments.arima)?;
        let configuration = arguments.holt_winters.as_deref().map(configuration).transpose()?;
        let given = given(&arguments.params, &arima, configuration)?;
        Ok(Self {
            arima: if arima.is_empty() {
                vec![Order::new(1, 1, 1)]
            } else {
                arima
            },
            holt_winters: configuration.map_or_else(|| CLASSIC.to_vec(), |one| vec![one]),
            given,
        })
    }
}

fn orders(flat: &[usize]) -> Result<Vec<Order>, Invalid> {
    let text = flat.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    if !flat.len().is_multiple_of(3) || flat.len() > 3 * MAX_MODELS {
        let rule = format!("must be three numbers p,d,q; at most {MAX_MODELS} times");
        return Err(Invalid::new("arima", &text, rule, "write --arima 1,1,1"));
    }
    flat.chunks_exact(3)
        .map(|order| {
            let order = Order::new(order[0], order[1], order[2]);
            order
                .check()
                .map(|()| order)
                .map_err(|reason| Invalid::new("arima", &text, reason.to_string(), "choose a smaller order"))
        })
        .collect()
}

/// `120s,5`: bin width and bins of a season.
fn configuration(text: &str) -> Result<(i64, usize), Invalid> {
    let refuse = |rule: String| Invalid::new("holt-winters", text, rule, "write --holt-winters 120s,5");
    let (bin, season) = text
        .split_once(',')
        .ok_or_else(|| refuse("must be the width of a bin, a comma, and the bins of a season".to_owned()))?;
    let bin_ms = duration::parse_ms(bin.trim()).map_err(|invalid| refuse(format!("the bin {}", invalid.rule)))?;
    let season: usize = season
        .trim()
        .parse()
        .ok()
        .filter(|season| (2..=holt_winters::MAX_SEASON).contains(season))
        .ok_or_else(|| {
            refuse(format!(
                "a season must be a whole number of bins from 2 to {}",
                holt_winters::MAX_SEASON
            ))
        })?;
    Ok((bin_ms, season))
}

fn given(params: &[f64], arima: &[Order], configuration: Option<(i64, usize)>) -> Result<Given, Invalid> {
    if params.is_empty() {
        return Ok(Given::Nothing);
    }
    let text = params.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let refuse = |rule: String, fix: String| Err(Invalid::new("params", &text, rule, fix));
    if params.iter().any(|number| !number.is_finite()) {
        return refuse(
            "must be finite numbers".to_owned(),
            "leave NaN and infinities out".to_owned(),
        );
    }
    match (arima, configuration) {
        ([order], None) => {
            let names = names(*order);
            if params.len() == names.len() {
                Ok(Given::Arima(params.to_vec()))
            } else {
                refuse(
                    format!("this order has {} parameters", names.len()),
                    format!("give {}", names.join(",")),
                )
            }
        }
        ([], Some((_, season))) => {
            if params.len() == season + 5 {
                Ok(Given::HoltWinters(params.to_vec()))
            } else {
                refuse(
                    format!("a season of {season} bins has {} parameters", season + 5),
                    format!("give alpha,beta_star,gamma,l0,b0 and {season} numbers s0"),
                )
            }
        }
        _ => refuse(
            "belong to exactly one model".to_owned(),
            "give one --arima p,d,q or one --holt-winters BIN,M with them".to_owned(),
        ),
    }
}

/// The names of the parameters of an order, as statsmodels writes them.
pub(super) fn names(order: Order) -> Vec<String> {
    let mean = order.mean.then(|| "const".to_owned());
    mean.into_iter()
        .chain((1..=order.ar).map(|lag| format!("ar.L{lag}")))
        .chain((1..=order.ma).map(|lag| format!("ma.L{lag}")))
        .chain(["sigma2".to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_and_seasons_are_read() {
        assert_eq!(configuration("120s,5"), Ok((120_000, 5)));
        assert_eq!(configuration("60, 10"), Ok((60_000, 10)));
        for wrong in ["120s", "x,5", "1m,1", "1m,9999"] {
            assert_eq!(configuration(wrong).unwrap_err().field, "holt-winters", "{wrong}");
        }
    }

    #[test]
    fn parameters_go_with_exactly_one_model_and_all_of_them() {
        let order = Order::new(1, 1, 1);
        assert_eq!(
            given(&[0.5, 0.3, 1.0], &[order], None),
            Ok(Given::Arima(vec![0.5, 0.3, 1.0]))
        );
        assert!(
            given(&[0.5, 0.3], &[order], None)
                .unwrap_err()
                .fix
                .contains("ar.L1,ma.L1,sigma2")
        );
        assert!(given(&[0.5; 10], &[], Some((1, 5))).is_ok());
        assert!(given(&[0.5; 3], &[], Some((1, 5))).is_err());
        assert!(given(&[0.5; 3], &[order], Some((1, 5))).is_err());
        assert!(given(&[0.5; 3], &[], None).is_err());
        assert!(given(&[f64::NAN; 3], &[order], None).is_err());
    }

    #[test]
    fn orders_come_in_threes() {
        assert_eq!(
            orders(&[1, 1, 1, 2, 0, 1]).unwrap(),
            [Order::new(1, 1, 1), Order::new(2, 0, 1)]
        );
        assert!(orders(&[1, 1]).is_err() && orders(&[99, 0, 0]).is_err());
        assert_eq!(
            names(Order::new(2, 0, 1)),
            ["const", "ar.L1", "ar.L2", "ma.L1", "sigma2"]
        );
    }
}
