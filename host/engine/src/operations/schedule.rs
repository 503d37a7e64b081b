//! Schedules in the form of cron, checked before a CronJob is made of them.

/// Names that stand for a schedule.
const NAMED: [&str; 7] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];
/// The five fields: what they are called, their range, and names of values.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (
        "day of the week",
        0,
        7,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

/// Checks a schedule.
///
/// # Errors
/// What is wrong with it, and the remedy.
pub fn check(schedule: &str) -> Result<(), String> {
    if let Some(period) = schedule.strip_prefix("@every ") {
        let is_duration = period.ends_with(['s', 'm', 'h']) && period.starts_with(|first: char| first.is_ascii_digit());
        return if is_duration {
            Ok(())
        } else {
            Err("has no duration such as `1h30m` after `@every`".to_owned())
        };
    }
    if schedule.starts_with('@') {
        return if NAMED.contains(&schedule) {
            Ok(())
        } else {
            Err(format!("is not a name of a schedule; these are: {}", NAMED.join(", ")))
        };
    }
    if schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=") {
        return Err("names a time zone, which Kubernetes refuses here; write it in the controller's time".to_owned());
    }
    let given: Vec<&str> = schedule.split_whitespace().collect();
    if given.len() != FIELDS.len() {
        return Err(format!(
            "has {} fields instead of five: minute, hour, day of the month, month, day of the week",
            given.len()
        ));
    }
    for (text, (field, low, high, names)) in given.into_iter().zip(FIELDS) {
        for part in text.split(',') {
            if !is_part(part, low, high, names) {
                return Err(format!(
                    "has {part:?} as {field}; write {low} to {high}, `*`, a range `a-b` or steps `*/n`"
                ));
            }
        }
    }
    Ok(())
}

fn is_part(part: &str, low: u32, high: u32, names: &[&str]) -> bool {
    let (range, step) = part
        .split_once('/')
        .map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| !step.parse::<u32>().is_ok_and(|step| step > 0)) {
        return false;
    }
    if range == "*" || range == "?" {
        return true;
    }
    let value = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + low.min(1));
        named
            .or_else(|| text.parse().ok())
            .filter(|value| (low..=high).contains(value))
    };
    match range.split_once('-') {
        Some((from, to)) => matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to),
        None => value(range).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("* * * * *", None)]
    #[case("*/5 0-6 1,15 jan-mar MON", None)]
    #[case("@daily", None)]
    #[case("@every 1h30m", None)]
    #[case("@dayly", Some("not a name"))]
    #[case("* * * *", Some("4 fields"))]
    #[case("61 * * * *", Some("\"61\" as minute"))]
    #[case("*/0 * * * *", Some("as minute"))]
    #[case("* 6-2 * * *", Some("as hour"))]
    #[case("* * * * someday", Some("day of the week"))]
    #[case("TZ=UTC * * * * *", Some("time zone"))]
    fn what_no_cron_job_could_have_is_refused(#[case] schedule: &str, #[case] problem: Option<&str>) {
        match (check(schedule), problem) {
            (Ok(()), None) => {}
            (Err(said), Some(words)) => assert!(said.contains(words), "{said}"),
            (outcome, _) => panic!("{schedule}: {outcome:?}"),
        }
    }
}
