//! One picture of the real app on the scripted instance, for `benches/frame.rs`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::draw;
use crate::shell::encode::Encoder;
use crate::tests::driver::Driver;
use crate::tests::script::series;
use crate::widget::canvas::Canvas;

/// Series of the table that is drawn.
const SERIES: u8 = 20;

/// A console at a size, with what a terminal was shown last.
pub struct Frames {
    driver: Driver,
    encoder: Encoder,
    spare: Option<Buffer>,
    down: bool,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}

impl Frames {
    /// Connected, 20 series in the table, on the tab with this number.
    pub fn new(width: u16, height: u16, tab: &str) -> Self {
        let mut driver = Driver::offline(width, height, crate::Caps::default());
        for n in 10..10 + SERIES - 6 {
            driver
                .script
                .series
                .push((series(n, "node_load1", &format!("host-{n}")), f64::from(n)));
        }
        driver.connect();
        driver.keys(tab);
        Self {
            driver,
            encoder: Encoder::new(),
            spare: None,
            down: false,
        }
    }

    /// Moves the cursor, draws the view and takes the difference; how many bytes go to the terminal.
    pub fn step(&mut self) -> usize {
        self.down = !self.down;
        self.driver.press(if self.down { "j" } else { "k" });
        let (width, height) = self.driver.app.cx.size;
        let mut buffer = crate::shell::encode::blank(self.spare.take(), width, height);
        debug_assert_eq!(buffer.area, Rect::new(0, 0, width, height));
        let mut marks = crate::widget::marks::Marks::default();
        draw(
            &self.driver.app,
            &mut Canvas::new(&mut buffer, &mut marks, &self.driver.app.cx.theme),
        );
        let mut bytes = Vec::new();
        self.spare = Some(self.encoder.encode(buffer, marks, &mut bytes));
        bytes.len()
    }
}
