use rstest::rstest;
use serde_json::json;

use super::*;

fn holder(uid: &str, range: RangeInclusive<u16>) -> Holder<'_> {
    Holder {
        uid,
        exclusive: false,
        range,
    }
}

fn exclusive(uid: &str) -> Holder<'_> {
    Holder {
        uid,
        exclusive: true,
        range: 10..=29,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn used(uid: &str, ports: &[u16]) -> Vec<PortInUse> {
    let used = |port: &u16| PortInUse {
        uid: uid.to_owned(),
        port: *port,
    };
    ports.iter().map(used).collect()
}

fn record(ports: &[(&str, u16)]) -> BTreeMap<String, u16> {
    ports.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect()
}

#[test]
fn the_same_names_give_the_same_ports_and_no_two_runtimes_share_one() {
    let ports = Ports::default();
    let names = names(&["worker", "fuse"]);
    let allocate = |uid| ports.allocate(&holder(uid, 10..=13), &names, |_| Vec::new());
    let first = allocate("a").unwrap();
    assert_eq!(allocate("a").unwrap(), first);
    let second = allocate("b").unwrap();
    assert!(first.values().all(|port| !second.values().any(|other| other == port)));
    assert!(matches!(allocate("c"), Err(PortError::Exhausted { size: 4, .. })));
    ports.release("a");
    assert!(allocate("c").is_ok());
}

#[test]
fn runtimes_that_race_share_no_port() {
    let ports = Ports::default();
    let names: Vec<String> = (0..10).map(|number| format!("port-{number}")).collect();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (ports, names) = (&ports, &names);
            scope.spawn(move || {
                let uid = number.to_string();
                ports
                    .allocate(&holder(&uid, 1000..=1099), names, |_| Vec::new())
                    .unwrap()
            });
        }
    });
    let all: HashSet<u16> = (0..8)
        .flat_map(|number| ports.held(&number.to_string()).into_values())
        .collect();
    assert_eq!(all.len(), 80);
}

#[test]
fn a_runtime_has_few_ports() {
    let ports = Ports::default();
    let many: Vec<String> = (0..=MOST).map(|number| number.to_string()).collect();
    let refused = ports.allocate(&holder("a", 1000..=2000), &many, |_| Vec::new());
    assert_eq!(refused, Err(PortError::TooMany(MOST + 1)));
    assert!(ports.held("a").is_empty());
}

#[test]
fn what_workloads_of_others_use_is_taken() {
    let ports = Ports::default();
    let allocate = |uid, in_use: &[PortInUse]| {
        let given = ports.allocate(&holder(uid, 10..=19), &names(&["x"]), |_| in_use.to_vec());
        given.unwrap()["x"]
    };
    assert_eq!(allocate("a", &used("b", &[10, 11])), 12);
    // One that was interrupted after its objects were made gets the port that these have.
    assert_eq!(allocate("c", &used("c", &[10])), 10);
}

#[test]
fn only_metrics_of_workers_that_never_meet_have_one_port() {
    let ports = Ports::default();
    let wanted = names(&["worker-metrics", "fuse-metrics", "worker-rpc"]);
    let allocate = |holder: &Holder<'_>, in_use: &[PortInUse]| {
        let given = ports.allocate(holder, &wanted, |_| in_use.to_vec()).unwrap();
        wanted.iter().map(|name| given[name]).collect::<Vec<u16>>()
    };
    assert_eq!(allocate(&exclusive("a"), &[]), [10, 11, 12]);
    assert_eq!(allocate(&exclusive("b"), &used("a", &[10, 11, 12])), [10, 13, 14]);
    // Its worker may run where those of others do.
    assert_eq!(allocate(&holder("c", 10..=19), &[]), [15, 16, 17]);
    // Whose the worker of another process' runtime is, is not known.
    assert_eq!(
        ports.allocate(&exclusive("d"), &wanted, |_| used("e", &[10])).unwrap()["worker-metrics"],
        18
    );
}

#[rstest]
#[case::own_range(&[("x", 12)], &[], &[], &[("x", 12)])]
#[case::out_of_range(&[("x", 22)], &[], &[], &[])]
#[case::out_of_range_and_installed(&[("x", 22)], &[22], &[], &[("x", 22)])]
#[case::held_by_another(&[("x", 10), ("y", 11)], &[10], &[], &[("y", 11)])]
#[case::used_by_another(&[("x", 12)], &[], &[12], &[])]
#[case::twice(&[("x", 12), ("y", 12)], &[], &[], &[("x", 12)])]
fn a_record_is_believed_as_far_as_it_can_be_true(
    #[case] recorded: &[(&str, u16)],
    #[case] own: &[u16],
    #[case] others: &[u16],
    #[case] believed: &[(&str, u16)],
) {
    let ports = Ports::default();
    ports
        .allocate(&holder("b", 10..=19), &names(&["x"]), |_| Vec::new())
        .unwrap();
    let own = own.iter().copied().collect();
    ports.restore(&holder("a", 10..=19), &record(recorded), &own, |_| used("c", others));
    assert_eq!(ports.held("a"), record(believed));
}

#[test]
fn a_record_of_many_ports_is_believed_of_few() {
    let ports = Ports::default();
    let many = (0..2000).map(|number| (number.to_string(), 14_000 + number)).collect();
    ports.restore(&holder("a", 14_000..=15_999), &many, &BTreeSet::new(), |_| Vec::new());
    assert_eq!(ports.held("a").len(), MOST);
}

#[test]
fn exclusive_datasets_get_their_shared_port_back() {
    let ports = Ports::default();
    for uid in ["a", "b"] {
        let own = BTreeSet::from([10]);
        ports.restore(&exclusive(uid), &record(&[("worker-metrics", 10)]), &own, |_| {
            Vec::new()
        });
        assert_eq!(ports.held(uid)["worker-metrics"], 10, "{uid}");
    }
}

#[test]
fn ports_are_recorded_among_the_values() {
    let mut values = json!({"image": "demo"});
    super::record(&mut values, &BTreeMap::new());
    assert_eq!(values, json!({"image": "demo"}));
    super::record(&mut values, &record(&[("x", 12)]));
    assert_eq!(recorded(&values), record(&[("x", 12)]));
    assert!(recorded(&json!({"hostPorts": [1]})).is_empty());
}

#[test]
fn ranges_are_checked() {
    assert_eq!(parse_range("14000-15999"), Ok(14000..=15999));
    for bad in ["", "14000", "2-1", "0-5", "a-b", "1-70000"] {
        assert!(parse_range(bad).is_err(), "{bad}");
    }
}

#[test]
fn whoever_looks_for_ports_may_leave_out_what_is_held() {
    let ports = Ports::default();
    let held = ports
        .allocate(&holder("a", 10..=19), &names(&["x"]), |_| Vec::new())
        .unwrap()["x"];
    let mut asked = false;
    ports
        .allocate(&holder("b", 10..=19), &names(&["x"]), |is_known| {
            asked = true;
            assert!(is_known("a", held));
            assert!(!is_known("a", held + 1) && !is_known("c", held));
            Vec::new()
        })
        .unwrap();
    assert!(asked);
}
