//! What the values of an expression are measured in, as far as the names in it and what is done with them tell.

use promql_parser::parser::{Call, Expr, VectorSelector};

use crate::unit::{Kind, Unit};

/// Aggregations that yield what they are given.
const KEEPING: [&str; 7] = ["sum", "avg", "min", "max", "quantile", "topk", "bottomk"];
/// Functions that yield what they are given.
const PASSING: [&str; 27] = [
    "abs",
    "avg_over_time",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "delta",
    "floor",
    "histogram_quantile",
    "idelta",
    "increase",
    "label_join",
    "label_replace",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "predict_linear",
    "quantile_over_time",
    "round",
    "scalar",
    "sort",
    "sort_desc",
    "stddev_over_time",
    "sum_over_time",
    "vector",
    "holt_winters",
    "double_exponential_smoothing",
];
/// Functions that yield how fast it changes.
const RATING: [&str; 3] = ["rate", "irate", "deriv"];

/// The unit of `tree`; plain where it is not known.
pub(super) fn unit(tree: &Expr) -> Unit {
    known(tree).unwrap_or(Unit::PLAIN)
}

fn known(tree: &Expr) -> Option<Unit> {
    let found = match tree {
        Expr::VectorSelector(of) => named(of)?,
        Expr::MatrixSelector(of) => named(&of.vs)?,
        Expr::Subquery(of) => known(&of.expr)?,
        Expr::Paren(of) => known(&of.expr)?,
        Expr::Unary(of) => known(&of.expr)?,
        Expr::Aggregate(of) if KEEPING.contains(&of.op.to_string().as_str()) => known(&of.expr)?,
        Expr::Call(call) => of_call(call)?,
        Expr::Binary(of) => {
            let sides = [&of.lhs, &of.rhs].map(|side| known(side));
            match of.op.to_string().as_str() {
                "+" | "-" => match sides {
                    [Some(a), Some(b)] => (a == b).then_some(a)?,
                    // A number alone is meant in what it stands beside.
                    [Some(one), None] if is_number(&of.rhs) => one,
                    [None, Some(one)] if is_number(&of.lhs) => one,
                    _ => return None,
                },
                "and" | "unless" => sides[0]?,
                _ if of.op.is_comparison_operator() && !of.return_bool() => sides[0]?,
                // What is multiplied or divided is measured in something else.
                _ => return None,
            }
        }
        _ => return None,
    };
    (found.kind != Kind::Plain).then_some(found)
}

fn named(of: &VectorSelector) -> Option<Unit> {
    of.name.as_deref().map(|name| Unit::guess(name, false))
}

fn of_call(call: &Call) -> Option<Unit> {
    let name = call.func.name;
    let argument = || call.args.args.iter().find_map(|argument| known(argument));
    if RATING.contains(&name) {
        argument().map(|unit| unit.rated(true))
    } else if PASSING.contains(&name) {
        argument()
    } else {
        None
    }
}

fn is_number(tree: &Expr) -> bool {
    match tree {
        Expr::NumberLiteral(_) => true,
        Expr::Paren(inner) => is_number(&inner.expr),
        Expr::Unary(inner) => is_number(&inner.expr),
        _ => false,
    }
}
