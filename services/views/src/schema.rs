//! Which message of the contract is shown by which view, and the schema of all views.

use prost::Message as _;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use sla_proto::{etl, objective, result, retrieval, series, set, violation};

macro_rules! views {
    ($($name:literal: $message:path => $view:ident;)*) => {
        /// Full names of messages that are shown by views, with the names of those.
        pub const VIEWED: &[(&str, &str)] = &[$(($name, stringify!($view)),)*];

        /// The view of the message called `name` (`sla.etl.v1.Run`), whose encoding is `bytes`; `None` where there is none, or
        /// `bytes` are no such message.
        pub fn view(name: &str, bytes: &[u8]) -> Option<Value> {
            match name {
                $($name => serde_json::to_value(crate::$view::from(&<$message>::decode(bytes).ok()?)).ok(),)*
                _ => None,
            }
        }

        /// The JSON Schema (2020-12) of each view by its name, which refer to each other below `within` (`/components/schemas`).
        pub fn schemas(within: &str) -> Map<String, Value> {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = within.to_owned().into();
                settings.meta_schema = None;
            });
            let mut generator = settings.into_generator();
            $(generator.subschema_for::<crate::$view>();)*
            generator.subschema_for::<crate::Check>();
            generator.subschema_for::<crate::Plan>();
            generator.subschema_for::<crate::ViolatingSample>();
            generator.take_definitions(true)
        }
    };
}

views! {
    "sla.objective.v1.SlaSet": objective::v1::SlaSet => Set;
    "sla.objective.v1.Objective": objective::v1::Objective => Objective;
    "sla.set.v1.PlannedChange": set::v1::PlannedChange => Change;
    "sla.violation.v1.ObjectiveStatus": violation::v1::ObjectiveStatus => ObjectiveStatus;
    "sla.violation.v1.SeriesStatus": violation::v1::SeriesStatus => SeriesStatus;
    "sla.violation.v1.Violation": violation::v1::Violation => Violation;
    "sla.violation.v1.Outlook": violation::v1::Outlook => Outlook;
    "sla.violation.v1.FutureRow": violation::v1::FutureRow => FutureRow;
    "sla.result.v1.SeriesResult": result::v1::SeriesResult => SeriesResult;
    "sla.result.v1.ForecastSummary": result::v1::ForecastSummary => ForecastSummary;
    "sla.retrieval.v1.StoredRow": retrieval::v1::StoredRow => SeriesResult;
    "sla.retrieval.v1.GetSeriesHistoryResponse": retrieval::v1::GetSeriesHistoryResponse => SeriesHistory;
    "sla.etl.v1.Run": etl::v1::Run => Run;
    "sla.etl.v1.EstimateRunResponse": etl::v1::EstimateRunResponse => Estimate;
    "sla.etl.v1.Schedule": etl::v1::Schedule => Schedule;
    "sla.series.v1.SourceStatus": series::v1::SourceStatus => Source;
    "sla.series.v1.Series": series::v1::Series => Series;
    "sla.series.v1.Point": series::v1::Point => Point;
}
