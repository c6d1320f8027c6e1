//! A forecast in three numbers.

use crate::result::v1::{Forecast, ForecastLine, ForecastSummary};

/// What is expected over the whole horizon: the mean of the means, the greatest maximum, the least minimum. `None` when no
/// line has a point.
pub fn forecast_summary(forecast: &Forecast) -> Option<ForecastSummary> {
    let values = |line: &Option<ForecastLine>| -> Vec<f64> {
        let points = line.iter().flat_map(|line| &line.points);
        points.map(|point| point.value).collect()
    };
    let (means, maxima, minima) = (values(&forecast.mean), values(&forecast.max), values(&forecast.min));
    let lines = [&forecast.mean, &forecast.max, &forecast.min];
    let last = lines.into_iter().flatten().find_map(|line| line.points.last())?;
    Some(ForecastSummary {
        mean: (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64),
        max: maxima.into_iter().reduce(f64::max),
        min: minima.into_iter().reduce(f64::min),
        until: last.time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::timestamp;
    use crate::result::v1::ForecastPoint;

    fn line(values: &[f64]) -> ForecastLine {
        let point = |(at, value): (usize, &f64)| ForecastPoint {
            time: Some(timestamp(at as i64)),
            value: *value,
            ..ForecastPoint::default()
        };
        ForecastLine {
            points: values.iter().enumerate().map(point).collect(),
            ..ForecastLine::default()
        }
    }

    #[test]
    fn three_numbers_and_none_made_up() {
        let forecast = Forecast {
            mean: Some(line(&[1.0, 2.0, 6.0])),
            max: Some(line(&[4.0, 9.0, 5.0])),
            ..Forecast::default()
        };
        let told = forecast_summary(&forecast).unwrap();
        assert_eq!((told.mean, told.max, told.min), (Some(3.0), Some(9.0), None));
        assert_eq!(told.until, Some(timestamp(2)));
        assert_eq!(forecast_summary(&Forecast::default()), None);
    }
}
