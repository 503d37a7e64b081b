//! How fast a call of the engine goes on: a slow render gives way to others.

use std::sync::Arc;
use std::time::Duration;

use wasser_share::{AtWork, Others, thread};

use super::turns::Place;

/// How often the engine's epoch advances while something renders: deadlines are this exact.
pub const TICK: Duration = Duration::from_millis(20);
/// While others are at work, a slow render waits for so many ticks after each that it computes.
const PAUSES: u32 = 9;

/// The pace of a call, on the thread that makes it. The deadline is one of that thread's time.
#[derive(Debug, Default)]
pub struct Pace {
    deadline: Duration,
    render: Option<Render>,
}

/// A render among others.
#[derive(Debug)]
pub struct Render {
    /// Who holds a place that others wait for does not let them wait for longer.
    place: Arc<Place>,
    others: Others,
    /// None once it is slow.
    at_work: Option<AtWork>,
}

impl Render {
    /// Begins one.
    pub fn begin(place: &Arc<Place>, others: &Others) -> Self {
        Self {
            place: place.clone(),
            others: others.clone(),
            at_work: (!place.is_slow()).then(|| others.begin()),
        }
    }

    fn tick(&mut self) {
        if self.gives_way() {
            std::thread::sleep(TICK * PAUSES);
        }
    }

    /// Whether it waits, at a tick.
    fn gives_way(&mut self) -> bool {
        if !self.place.is_slow() {
            return false;
        }
        if self.at_work.take().is_some() {
            thread::comes_last();
        }
        self.others.are_at_work()
    }
}

impl Pace {
    /// Lets a call begin that may take so long.
    pub fn within(limit: Duration, render: Option<Render>) -> Self {
        Self {
            deadline: thread::time() + limit,
            render,
        }
    }

    /// Waits if the call has to give way. Returns whether it has to end. It is asked at each tick.
    pub fn tick(&mut self) -> bool {
        if thread::time() >= self.deadline {
            return true;
        }
        if let Some(render) = &mut self.render {
            render.tick();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn only_a_slow_render_gives_way_and_only_to_others_that_are_at_work() {
        let gives_way = |place: Place, at_work: bool| {
            let others = Others::default();
            let _at_work = at_work.then(|| others.begin());
            Render::begin(&Arc::new(place), &others).gives_way()
        };
        assert!(!gives_way(Place::shared(), true));
        assert!(gives_way(Place::slow(), true));
        assert!(!gives_way(Place::slow(), false));
    }

    #[test]
    fn a_render_that_gives_way_waits() {
        let others = Others::default();
        let _at_work = others.begin();
        let mut pace = Pace::within(HOUR, Some(Render::begin(&Arc::new(Place::slow()), &others)));
        let began = Instant::now();
        assert!(!pace.tick());
        assert!(began.elapsed() >= TICK * PAUSES);
    }

    #[test]
    fn a_quick_render_is_at_work_until_it_ends_or_is_slow() {
        let (others, place) = (Others::default(), Arc::new(Place::shared()));
        let mut render = Render::begin(&place, &others);
        render.tick();
        assert!(others.are_at_work());
        place.becomes_slow();
        render.tick();
        assert!(!others.are_at_work());
        let ended = Render::begin(&Arc::new(Place::shared()), &others);
        drop(ended);
        assert!(!others.are_at_work());
    }

    #[test]
    fn a_call_ends_at_its_deadline() {
        assert!(Pace::within(Duration::ZERO, None).tick());
        assert!(!Pace::within(HOUR, None).tick());
    }
}
