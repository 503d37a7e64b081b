//! A hostile chart costs its own release and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{render, renderer};
use wasser_chart::{Limits, RenderError, Renderer, Work};

/// A renderer of its own, so that an outcome is due to one chart.
fn limited(limits: Limits) -> Renderer {
    renderer().with_limits(limits)
}

async fn outcome(renderer: &Renderer, template: &str, values: &Value) -> Result<String, RenderError> {
    render(renderer, &[("templates/a.yaml", template)], values)
        .await
        .map(|rendered| rendered.manifest)
}

async fn works_again(renderer: &Renderer) {
    let manifest = outcome(renderer, "v: {{ .Values.v }}\n", &json!({"v": 7}))
        .await
        .unwrap();
    assert!(manifest.ends_with("v: 7\n"));
}

#[tokio::test]
async fn endless_templates_are_ended() {
    let limit = Duration::from_millis(500);
    let renderer = limited(Limits {
        deadline: limit,
        ..Limits::default()
    });
    let started = Instant::now();
    let refused = outcome(
        &renderer,
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        &json!({}),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(&refused, RenderError::Deadline { chart, limit: shown } if chart == "demo" && *shown == limit),
        "{refused}"
    );
    assert!(started.elapsed() >= limit && started.elapsed() < Duration::from_secs(30));
    works_again(&renderer).await;
}

#[tokio::test]
async fn memory_is_limited() {
    let renderer = limited(Limits {
        memory: 128 << 20,
        ..Limits::default()
    });
    let doubling = "{{ $s := \"0123456789abcdef\" }}{{ range until 40 }}{{ $s = print $s $s }}{{ end }}{{ len $s }}";
    let refused = outcome(&renderer, doubling, &json!({})).await.unwrap_err();
    assert!(
        matches!(&refused, RenderError::Crashed { message, .. } if message.contains("128 MiB")),
        "{refused}"
    );
    works_again(&renderer).await;
    let refused = outcome(&renderer, "{{ range until 4000000000 }}{{ end }}", &json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, RenderError::Crashed { .. } | RenderError::Template(_)),
        "{refused}"
    );
    works_again(&renderer).await;
}

#[tokio::test]
async fn archives_that_unpack_to_much_are_refused() {
    let renderer = limited(Limits::default());
    let large = "a".repeat(6 << 20);
    let refused = render(&renderer, &[("large.txt", &large)], &json!({}))
        .await
        .unwrap_err();
    assert!(matches!(&refused, RenderError::Template(_)), "{refused}");
    works_again(&renderer).await;
}

#[tokio::test]
async fn deep_recursion_is_an_error() {
    let renderer = limited(Limits::default());
    for template in [
        "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}",
        "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
        "{{ define \"x\" }}{{ tpl .Values.t . }}{{ end }}{{ include \"x\" . }}",
    ] {
        let refused = outcome(&renderer, template, &json!({"t": "{{ include \"x\" . }}"}))
            .await
            .unwrap_err();
        // Every `tpl` copies all templates, so that one may run out of memory before it is too
        // deep.
        let full = matches!(&refused, RenderError::Crashed { message,
            .. } if template.contains("tpl") && message.contains("MiB"));
        assert!(
            full || matches!(&refused, RenderError::Template(_)),
            "{template}: {refused}"
        );
        works_again(&renderer).await;
    }
}

#[tokio::test]
async fn deeply_nested_input_ends_no_more_than_its_render() {
    let renderer = limited(Limits::default());
    let (open, close) = ("(".repeat(200_000), ")".repeat(200_000));
    let refused = outcome(&renderer, &format!("v: {{{{ {open}1{close} }}}}\n"), &json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, RenderError::Crashed { .. } | RenderError::Template(_)),
        "{refused}"
    );
    works_again(&renderer).await;
    let lists = "[".repeat(100_000);
    let refused = outcome(&renderer, &format!("v: {lists}\n"), &json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, RenderError::Crashed { .. } | RenderError::Template(_)),
        "{refused}"
    );
    works_again(&renderer).await;
}

#[tokio::test]
async fn a_caller_that_has_gone_leaves_the_renderer_usable() {
    let renderer = limited(Limits {
        parallel: 1,
        deadline: Duration::from_millis(300),
        ..Limits::default()
    });
    let endless = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}";
    assert!(
        tokio::time::timeout(Duration::from_millis(50), outcome(&renderer, endless, &json!({})))
            .await
            .is_err()
    );
    works_again(&renderer).await;
}

#[tokio::test]
async fn work_is_counted_with_its_time() {
    let renderer = limited(Limits::default());
    works_again(&renderer).await;
    works_again(&renderer).await;
    let done = [Work::Start, Work::Load, Work::Render].map(|work| renderer.done(work));
    assert_eq!(done.map(|(times, _)| times), [1, 1, 2]);
    assert!(done.iter().all(|(_, took)| !took.is_zero()), "{done:?}");
}

#[tokio::test]
async fn instances_without_work_go() {
    let renderer = limited(Limits {
        kept_for: Duration::ZERO,
        kept_memory: 0,
        ..Limits::default()
    });
    works_again(&renderer).await;
    works_again(&renderer).await;
}
