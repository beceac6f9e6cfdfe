//! A picture as a list of shapes in logical pixels, origin top left.

/// A picture.
pub(super) struct Scene {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// What it shows, for readers who cannot see it.
    pub title: String,
    /// The shapes, drawn in this order.
    pub shapes: Vec<Shape>,
}

/// A point.
pub(super) type Point = (f64, f64);

/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Paint {
    /// Red, green, blue.
    pub rgb: (u8, u8, u8),
    /// 0 to 1.
    pub opacity: f64,
}

impl Paint {
    /// An opaque colour, written as in CSS: `0x0072B2`.
    pub const fn hex(rgb: u32) -> Paint {
        Paint {
            rgb: ((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8),
            opacity: 1.0,
        }
    }

    /// The colour at that opacity.
    pub const fn faded(self, opacity: f64) -> Paint {
        Paint { opacity, ..self }
    }
}

/// Lengths of dashes and gaps in turn; empty is a solid line.
pub(super) type Dash = &'static [f64];

/// Where a text's position is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    /// At its left end.
    Start,
    /// In its middle.
    Middle,
    /// At its right end.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ink {
    /// Height of an em.
    pub size: f64,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub paint: Paint,
}

/// One thing to draw.
pub(super) enum Shape {
    /// A filled polygon.
    Area { points: Vec<Point>, paint: Paint },
    /// A line through points.
    Line {
        points: Vec<Point>,
        paint: Paint,
        width: f64,
        dash: Dash,
    },
    /// A filled circle.
    Dot {
        at: Point,
        radius: f64,
        paint: Paint,
    },
    /// A text, vertically centred on its position.
    Text {
        text: String,
        at: Point,
        anchor: Anchor,
        ink: Ink,
    },
}

impl Scene {
    /// An empty picture.
    pub fn new(width: f64, height: f64, title: &str) -> Scene {
        Scene {
            width,
            height,
            title: title.to_owned(),
            shapes: Vec::new(),
        }
    }

    /// Draws a filled rectangle.
    pub fn rect(&mut self, (x, y): Point, (width, height): Point, paint: Paint) {
        if width > 0.0 && height > 0.0 {
            let points = vec![
                (x, y),
                (x + width, y),
                (x + width, y + height),
                (x, y + height),
            ];
            self.area(points, paint);
        }
    }

    /// Draws a filled polygon.
    pub fn area(&mut self, points: Vec<Point>, paint: Paint) {
        if points.len() > 2 {
            self.shapes.push(Shape::Area { points, paint });
        }
    }

    /// Draws a solid line between two points.
    pub fn rule(&mut self, from: Point, to: Point, paint: Paint, width: f64) {
        self.line(vec![from, to], paint, width, &[]);
    }

    /// Draws a line through points.
    pub fn line(&mut self, points: Vec<Point>, paint: Paint, width: f64, dash: Dash) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line {
                points,
                paint,
                width,
                dash,
            });
        }
    }

    /// Draws a filled circle.
    pub fn dot(&mut self, at: Point, radius: f64, paint: Paint) {
        self.shapes.push(Shape::Dot { at, radius, paint });
    }

    /// Writes a text.
    pub fn text(&mut self, text: impl Into<String>, at: Point, anchor: Anchor, ink: Ink) {
        let text = text.into();
        if !text.is_empty() {
            self.shapes.push(Shape::Text {
                text,
                at,
                anchor,
                ink,
            });
        }
    }
}
