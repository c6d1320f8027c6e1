//! The weather of cities: what is now, what the provider expects, and what this user has agreed. There where the role runs.

mod columns;
mod form;
mod rows;
mod view;

use crossterm::event::KeyEvent;
use sla_domain::{Labels, METRIC_NAME, SeriesId, SourceId};
use sla_proto::convert;
use sla_proto::series::v1::{Series, SeriesKind};
use sla_proto::weather::v1::{
    ListCitiesRequest, ListCitiesResponse, ListSubscriptionsRequest, ListSubscriptionsResponse, ProviderStatus,
    Subscription, UnsubscribeRequest, UpdateSubscriptionRequest,
};

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::{Context, Jump, wire};
use crate::filter::Filterable as _;
use crate::remembered::Remembered;
use crate::say;
use crate::screens::Screen;
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;
use form::Subscribe;
use rows::{CityRow, SORTS};

/// Name of the metric source.
const SOURCE: &str = "weather";
/// Subscriptions that are read at most.
const LISTED: u32 = 1_000;
/// Rows of words below the table.
const WORDS_ROWS: u16 = 6;
/// Read again at most this often while figures change, milliseconds.
const REFRESH_MS: i64 = 15_000;

/// The list and what is said about the chosen city.
#[derive(Debug, Default)]
pub(crate) struct WeatherScreen {
    columns: Columns,
    rows: Remote<Vec<CityRow>>,
    subscriptions: Vec<Subscription>,
    /// How many there are beyond these.
    left_out: u64,
    provider: Option<ProviderStatus>,
    list: List,
    form: Option<Subscribe>,
    asked_ms: i64,
}

impl WeatherScreen {
    pub(crate) fn new(remembered: &Remembered) -> Self {
        Self {
            columns: Columns::new(&columns::COLUMNS, remembered.columns_of("weather")),
            ..Self::default()
        }
    }

    fn items(&self) -> &[CityRow] {
        self.rows.rows()
    }

    fn current(&self) -> Option<&CityRow> {
        self.list.current().and_then(|at| self.items().get(at))
    }

    fn height(cx: &Context) -> usize {
        usize::from(cx.screen_height().saturating_sub(1 + Self::words_rows(cx)))
    }

    fn words_rows(cx: &Context) -> u16 {
        if cx.screen_height() >= 14 { WORDS_ROWS } else { 1 }
    }

    fn apply(&mut self, cx: &Context) {
        let rows = self.rows.rows();
        self.list.apply(rows, Self::height(cx));
    }

    /// The subscription that the chosen row is about; several of one city are told apart in the list of sets.
    fn chosen(&self) -> Option<&Subscription> {
        match self.current()?.subscriptions.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The chosen city's temperature as a series.
    fn temperature(&self) -> Option<Series> {
        let city = self.current()?.state.city.as_ref()?;
        let (lat, lon) = city.key.split_once(',')?;
        let labels = Labels::from_pairs([
            (METRIC_NAME, "weather_temperature_celsius"),
            ("city", city.name.as_str()),
            ("country", city.country.as_str()),
            ("lat", lat),
            ("lon", lon),
            ("provider", self.provider.as_ref()?.name.as_str()),
        ]);
        let id = SeriesId::of_series(&SourceId(SOURCE.to_owned()), &labels);
        Some(convert::series_message(id, SOURCE, &labels, "", SeriesKind::Gauge))
    }

    fn chart(&self) -> Option<Jump> {
        let series = self.temperature()?;
        Some(Jump::Chart {
            query: wire::series_query(&series),
            series_id: series.id.clone(),
            title: self.current()?.name.as_str().to_owned(),
            at_ms: None,
        })
    }

    fn listed(&mut self, cx: &Context, told: ListSubscriptionsResponse) {
        self.left_out = told.total.saturating_sub(told.subscriptions.len() as u64);
        self.subscriptions = told.subscriptions;
        if let Some(rows) = self.rows.get() {
            let states = rows.iter().map(|row| row.state.clone());
            let rows = states.map(|state| CityRow::new(state, &self.subscriptions)).collect();
            self.rows.put(rows, cx.now.wall_ms);
            self.apply(cx);
        }
    }
}

impl Screen for WeatherScreen {
    fn scopes(&self) -> Vec<Scope> {
        if self.form.is_some() {
            vec![Scope::Form]
        } else {
            vec![Scope::Weather, Scope::List]
        }
    }

    fn refresh(&mut self, cx: &mut Context) {
        self.asked_ms = cx.now.mono_ms;
        let request = ListCitiesRequest {
            forecast: true,
            outlooks: true,
            ..ListCitiesRequest::default()
        };
        let id = cx.call(Slot::Cities, request);
        self.rows.asked(id, cx.now.wall_ms);
        let request = ListSubscriptionsRequest {
            page_size: LISTED,
            ..ListSubscriptionsRequest::default()
        };
        cx.call(Slot::Subscriptions, request);
    }

    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        let due = self.rows.get().is_none() || cx.now.mono_ms - self.asked_ms >= REFRESH_MS;
        if visible && due && !self.rows.is_loading() {
            self.refresh(cx);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let rows = self.rows.rows();
        if self.list.command(cmd, rows, Self::height(cx)) {
            return true;
        }
        match cmd {
            Cmd::Subscribe => self.form = Some(Subscribe::new(argument.unwrap_or_default())),
            Cmd::ChangeSubscription => self.form = self.chosen().map(Subscribe::of),
            Cmd::PauseSubscription => {
                if let Some(one) = self.chosen() {
                    let request = UpdateSubscriptionRequest {
                        id: one.id.clone(),
                        version: one.version,
                        limits: one.limits,
                        active: Some(!one.active),
                        shared: None,
                    };
                    cx.call(Slot::Subscribe, request);
                }
            }
            Cmd::Unsubscribe => {
                if let Some(one) = self.chosen() {
                    let request = UnsubscribeRequest {
                        id: one.id.clone(),
                        version: one.version,
                    };
                    cx.call(Slot::Subscribe, request);
                }
            }
            Cmd::Open => cx.jump = self.chart(),
            Cmd::Sort => {
                if let Err(why) = self.list.sort_by(&SORTS, argument) {
                    cx.complain(why);
                }
                self.apply(cx);
            }
            Cmd::Export => rows::export(self.list.passing(self.rows.rows())).write(cx, argument),
            _ => return false,
        }
        true
    }

    fn back(&mut self, _: &mut Context) -> bool {
        self.form.take().is_some()
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        self.list.set_filter(text);
        self.apply(cx);
    }

    fn list(&self) -> &List {
        &self.list
    }

    fn resized(&mut self, cx: &mut Context) {
        self.apply(cx);
    }

    fn form_command(&mut self, cx: &mut Context, cmd: Cmd, key: KeyEvent) {
        let Some(form) = &mut self.form else { return };
        match cmd {
            Cmd::NextField => form.turn(1),
            Cmd::PreviousField => form.turn(-1),
            Cmd::Submit => form.submit(cx),
            _ => form.type_key(key),
        }
    }

    fn type_key(&mut self, _: &mut Context, key: KeyEvent) {
        if let Some(form) = &mut self.form {
            form.type_key(key);
        }
    }

    fn paste(&mut self, _: &mut Context, text: &str) {
        if let Some(form) = &mut self.form {
            form.paste(text);
        }
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        match (slot, result) {
            (Slot::Cities, result) => {
                let told = result.and_then(Reply::take::<ListCitiesResponse>);
                let rows = told.map(|told| {
                    self.provider = told.provider;
                    let cities = told.cities.into_iter();
                    cities.map(|state| CityRow::new(state, &self.subscriptions)).collect()
                });
                self.rows.answer(id, rows, cx.now.wall_ms);
                self.apply(cx);
            }
            (Slot::Subscriptions, Ok(Reply::Subscriptions(told))) => self.listed(cx, *told),
            (_, Ok(Reply::Subscribe(told))) => {
                self.form = None;
                let made = told.subscription.unwrap_or_default();
                cx.say(say::weather::is_judged_from_now(&sla_domain::SafeText::new(&made.name)));
                self.list.follow(made.city.unwrap_or_default().key.as_bytes());
                self.refresh(cx);
            }
            (_, Ok(Reply::UpdateSubscription(told))) => {
                self.form = None;
                let changed = told.subscription.unwrap_or_default();
                let name = sla_domain::SafeText::new(&changed.name);
                cx.say(if changed.active {
                    say::weather::is_judged_as_agreed(&name)
                } else {
                    say::weather::is_paused(&name)
                });
                self.refresh(cx);
            }
            (_, Ok(Reply::Unsubscribe(_))) => {
                cx.say(say::weather::the_subscription_is_deleted());
                self.refresh(cx);
            }
            (_, Err(problem)) => match &mut self.form {
                Some(form) => form.refused(&problem),
                None => cx.complain(problem.sentence()),
            },
            (_, Ok(other)) => cx.complain(crate::context::request::Problem::unexpected(&other).text),
        }
    }

    fn shown_query(&self, cx: &Context) -> Option<Shown> {
        let now = cx.data_now_ms();
        let query = wire::series_query(&self.temperature()?);
        Some(Shown::new(&query, now - 86_400_000, now))
    }

    fn click(&mut self, cx: &mut Context, (x, row): (u16, u16)) -> bool {
        let columns = self.columns.shown();
        if row == 0 {
            let placed = self.placed(&columns, cx.size.0);
            let sort = crate::widget::table::title_at(&columns, &placed, x);
            if let Some(sort) = sort.filter(|sort| SORTS.contains(sort)) {
                self.command(cx, Cmd::Sort, Some(sort));
            }
            return false;
        }
        let (line, height) = (usize::from(row) - 1, Self::height(cx));
        if line >= height.min(self.list.shown().len()) {
            return false;
        }
        let rows = self.rows.rows();
        self.list.choose(line, rows, height);
        true
    }

    fn filter_fields(&self) -> &'static [&'static str] {
        CityRow::FIELDS
    }

    fn sorts(&self) -> &'static [&'static str] {
        &SORTS
    }

    fn has(&self, need: Need) -> bool {
        need == Need::Subscription && self.chosen().is_some()
    }

    fn question(&self, cmd: Cmd) -> Option<String> {
        let name = &self.chosen()?.name;
        let text = say::weather::delete_its_past_violations(&sla_domain::SafeText::new(name));
        (cmd == Cmd::Unsubscribe).then_some(text)
    }

    fn value(&self, _: &Context) -> Option<String> {
        self.current()?
            .now()
            .temperature_celsius
            .map(sla_domain::quantity::bare)
    }

    fn row_text(&self, _: &Context) -> Option<String> {
        let row = self.current()?;
        let now = row.now();
        let of = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
        Some(say::weather::c_rain_mm_snow(
            &row.name,
            &of(now.temperature_celsius),
            &of(now.rain_mm),
            &of(now.snow_water_mm),
            &row.limits,
        ))
    }

    fn remember(&self, out: &mut Remembered) {
        out.keep_columns("weather", &self.columns);
    }

    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        self.draw_all(cx, canvas);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = self.words(cx);
        lines.push(say::weather::c_rain_and_snow().to_owned());
        lines.push(say::weather::forecast_is_what_the().to_owned());
        (say::weather::weather().to_owned(), lines)
    }

    fn slots(&self) -> &'static [Slot] {
        &[Slot::Cities, Slot::Subscriptions, Slot::Subscribe]
    }

    fn columns_mut(&mut self) -> Option<&mut Columns> {
        Some(&mut self.columns)
    }
}
