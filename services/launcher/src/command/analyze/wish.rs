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

fn orders(given: &[String]) -> Result<Vec<Order>, Invalid> {
    const FIX: &str = "write --arima 1,1,1";
    if given.len() > MAX_MODELS {
        let rule = format!("is given more than {MAX_MODELS} times");
        return Err(Invalid::new("--arima", &given.join(" "), rule, FIX));
    }
    let order = |text: &String| {
        let refuse = |rule: &str| Invalid::new("--arima", text, rule, FIX);
        let numbers: Vec<usize> = text
            .split(',')
            .map(|number| number.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|_| refuse("must be three whole numbers p,d,q"))?;
        let [p, d, q] = numbers[..] else {
            return Err(refuse("must be three whole numbers p,d,q"));
        };
        let order = Order::new(p, d, q);
        let checked = order.check().map(|()| order);
        checked.map_err(|reason| Invalid::new("--arima", text, reason.to_string(), "choose a smaller order"))
    };
    given.iter().map(order).collect()
}

/// `120s,5`: bin width and bins of a season.
fn configuration(text: &str) -> Result<(i64, usize), Invalid> {
    let refuse = |rule: String| Invalid::new("--holt-winters", text, rule, "write --holt-winters 120s,5");
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

fn given(params: &[String], arima: &[Order], configuration: Option<(i64, usize)>) -> Result<Given, Invalid> {
    if params.is_empty() {
        return Ok(Given::Nothing);
    }
    let text = params.join(",");
    let refuse = |rule: String, fix: String| Err(Invalid::new("--params", &text, rule, fix));
    let numbers = params
        .iter()
        .map(|number| number.trim().parse::<f64>().ok().filter(|number| number.is_finite()));
    let Some(params) = numbers.collect::<Option<Vec<f64>>>() else {
        return refuse(
            "must be finite numbers with commas between".to_owned(),
            "write for example --params 0.4,0.1".to_owned(),
        );
    };
    match (arima, configuration) {
        ([order], None) => {
            let names = names(*order);
            if params.len() == names.len() {
                Ok(Given::Arima(params))
            } else {
                refuse(
                    format!("this order has {} parameters", names.len()),
                    format!("give {}", names.join(",")),
                )
            }
        }
        ([], Some((_, season))) => {
            if params.len() == season + 5 {
                Ok(Given::HoltWinters(params))
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
            assert_eq!(configuration(wrong).unwrap_err().field, "--holt-winters", "{wrong}");
        }
    }

    #[test]
    fn parameters_go_with_exactly_one_model_and_all_of_them() {
        let order = Order::new(1, 1, 1);
        let given = |params: &str, arima: &[Order], configuration| {
            let params: Vec<String> = params.split(',').map(str::to_owned).collect();
            super::given(&params, arima, configuration)
        };
        let halves = |count: usize| vec!["0.5"; count].join(",");
        assert_eq!(
            given("0.5, 0.3,1", &[order], None),
            Ok(Given::Arima(vec![0.5, 0.3, 1.0]))
        );
        assert!(
            given("0.5,0.3", &[order], None)
                .unwrap_err()
                .fix
                .contains("ar.L1,ma.L1,sigma2")
        );
        assert!(given(&halves(10), &[], Some((1, 5))).is_ok());
        assert!(given(&halves(3), &[], Some((1, 5))).is_err());
        assert!(given(&halves(3), &[order], Some((1, 5))).is_err());
        assert!(given(&halves(3), &[], None).is_err());
        for (wrong, value) in [
            ("0.5,nan,1", "0.5,nan,1"),
            ("a,b,c", "a,b,c"),
            ("0.5,,1", "0.5,,1"),
            ("1e999,0,1", "1e999,0,1"),
        ] {
            let told = given(wrong, &[order], None).unwrap_err();
            assert_eq!((told.field.as_str(), told.value.as_str()), ("--params", value));
            assert!(
                told.rule.contains("finite numbers") && told.fix.contains("0.4,0.1"),
                "{told}"
            );
        }
    }

    #[test]
    fn an_order_is_three_numbers_or_refused_with_its_words() {
        let orders = |given: &[&str]| super::orders(&given.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            orders(&["1,1,1", "2, 0, 1"]).unwrap(),
            [Order::new(1, 1, 1), Order::new(2, 0, 1)]
        );
        for (wrong, rule) in [
            ("x", "three whole numbers"),
            ("1,1", "three whole numbers"),
            ("1,1,1,1", "three whole numbers"),
            ("1,-1,1", "three whole numbers"),
            ("1.5,1,1", "three whole numbers"),
            ("1,1,99999999999999999999", "three whole numbers"),
            ("", "three whole numbers"),
            ("99,0,0", ""),
        ] {
            let told = orders(&[wrong]).unwrap_err();
            assert_eq!((told.field.as_str(), told.value.as_str()), ("--arima", wrong), "{told}");
            assert!(told.rule.contains(rule) && !told.fix.is_empty(), "{told}");
        }
        assert!(
            orders(&["1,1,1"; MAX_MODELS + 1])
                .unwrap_err()
                .rule
                .contains("more than")
        );
        assert_eq!(
            names(Order::new(2, 0, 1)),
            ["const", "ar.L1", "ar.L2", "ma.L1", "sigma2"]
        );
    }
}
