//! What a rendered chart is apart from its text: objects, hooks, notes, places of errors,
//! capabilities.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

mod support;

use serde_json::{Value, json};
use support::{chart, meta, render, renderer};
use wasser_chart::{Capabilities, Chart, ReleaseMeta, RenderError, Rendered, TemplateError};

fn refused(outcome: Result<Rendered, RenderError>) -> TemplateError {
    match outcome {
        Err(RenderError::Template(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn objects_hooks_and_notes_are_told_apart() {
    let files = [
        (
            "templates/a.yaml",
            "kind: Service\napiVersion: v1\nmetadata: {name: s}\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: \
                {name: c}\ndata: {a: b}\n",
        ),
        (
            "templates/hook.yaml",
            "kind: Job\napiVersion: batch/v1\nmetadata:\n  name: j\n  annotations: {helm.sh/hook: \
                \"pre-install,post-upgrade\", \
             helm.sh/hook-weight: \"-3\", helm.sh/hook-delete-policy: hook-succeeded}\n",
        ),
        ("templates/NOTES.txt", "Hello {{ .Release.Name }}"),
    ];
    let rendered = render(renderer(), &files, &json!({})).await.unwrap();
    let kinds: Vec<_> = rendered
        .objects
        .iter()
        .map(|object| object.types.as_ref().unwrap().kind.as_str())
        .collect();
    assert_eq!(kinds, ["ConfigMap", "Service"]);
    assert_eq!(rendered.objects[0].data, json!({"data": {"a": "b"}}));
    assert_eq!(rendered.notes.as_deref(), Some("Hello demo"));
    let [hook] = rendered.hooks.as_slice() else {
        panic!("{:?}", rendered.hooks)
    };
    assert_eq!(
        (hook.name.as_str(), hook.kind.as_str(), hook.path.as_str(), hook.weight),
        ("j", "Job", "demo/templates/hook.yaml", -3)
    );
    assert_eq!(
        (hook.events.as_slice(), hook.delete_policies.as_slice()),
        (
            ["pre-install", "post-upgrade"].map(str::to_owned).as_slice(),
            ["hook-succeeded".to_owned()].as_slice()
        )
    );
    assert_eq!(hook.object.as_ref().unwrap().metadata.name.as_deref(), Some("j"));
    assert!(!rendered.manifest.contains("Job"));
}

#[tokio::test]
async fn templates_see_an_upgrade() {
    let chart = chart(&[(
        "templates/a.yaml",
        "a: {{ .Release.IsUpgrade }} {{ .Release.IsInstall }} {{ .Release.Revision }}\n",
    )]);
    let upgrade = ReleaseMeta {
        revision: 4,
        is_upgrade: true,
        ..meta()
    };
    let rendered = renderer().render(&chart, &upgrade, &json!({})).await.unwrap();
    assert!(
        rendered.manifest.ends_with("a: true false 4\n"),
        "{}",
        rendered.manifest
    );
}

#[tokio::test]
async fn errors_say_where_they_are() {
    let files = [
        (
            "templates/_x.tpl",
            "{{- define \"x\" }}\n\n{{ .Values.a.name }}\n{{- end }}",
        ),
        ("templates/a.yaml", "a: 1\nb: {{ include \"x\" . }}\n"),
    ];
    let error = refused(render(renderer(), &files, &json!({})).await);
    assert_eq!(
        (error.file.as_deref(), error.line),
        (Some("demo/templates/_x.tpl"), Some(3)),
        "{}",
        error.message
    );

    // Of `required` and `fail`, Helm tells the template that it began with.
    let files = [
        files[1],
        (
            "templates/_x.tpl",
            "{{ define \"x\" }}{{ required \"a name is needed\" .Values.name }}{{ end }}",
        ),
    ];
    let error = refused(render(renderer(), &files, &json!({})).await);
    assert_eq!(
        (error.file.as_deref(), error.line),
        (Some("demo/templates/a.yaml"), Some(2))
    );
    assert!(error.message.ends_with("a name is needed"), "{}", error.message);

    let error = refused(render(renderer(), &[("templates/a.yaml", "a: 1\nb: {{ end }}\n")], &json!({})).await);
    assert_eq!(
        (error.file.as_deref(), error.line),
        (Some("demo/templates/a.yaml"), Some(2))
    );

    let error = refused(render(renderer(), &[("templates/a.yaml", "a: 1\n b: 2\n")], &json!({})).await);
    assert_eq!(
        (error.file.as_deref(), error.chart.as_str()),
        (Some("demo/templates/a.yaml"), "demo")
    );
}

#[tokio::test]
async fn capabilities_are_those_of_the_cluster() {
    let template =
        "v: {{ .Capabilities.KubeVersion.Version }}\nh: {{ .Capabilities.APIVersions.Has \"example.com/v1/Thing\" }}\n";
    let files = [("templates/a.yaml", template)];
    let default = render(renderer(), &files, &json!({})).await.unwrap();
    assert!(
        default.manifest.ends_with("v: v1.33.0\nh: false\n"),
        "{}",
        default.manifest
    );
    let capabilities = Capabilities::fixed(Some("v1.30.1".to_owned()), vec!["example.com/v1/Thing".to_owned()]);
    let other = render(&renderer().with_capabilities(capabilities), &files, &json!({}))
        .await
        .unwrap();
    assert!(other.manifest.ends_with("v: v1.30.1\nh: true\n"), "{}", other.manifest);
    let nonsense = Capabilities {
        kube_version: Some("newest".to_owned()),
        ..Capabilities::default()
    };
    assert!(
        refused(render(&renderer().with_capabilities(nonsense), &files, &json!({})).await)
            .message
            .contains("newest")
    );
}

#[tokio::test]
async fn what_is_no_object_is_refused_with_its_file() {
    let error = refused(
        render(
            renderer(),
            &[("templates/a.yaml", "kind: ConfigMap\nmetadata: {name: {a: b}}\n")],
            &json!({}),
        )
        .await,
    );
    assert_eq!(
        error.file.as_deref(),
        Some("demo/templates/a.yaml"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn one_render_leaves_nothing_for_the_next() {
    let files = [
        ("values.yaml", "list: [1]\nmap: {a: 1}\n"),
        (
            "templates/a.yaml",
            "{{ $_ := set .Values.map \"left\" \"over\" }}\nv: {{ .Values | toJson | quote }}\n",
        ),
    ];
    let chart = chart(&files);
    let first = renderer()
        .render(&chart, &meta(), &json!({"map": {"secret": "of another"}}))
        .await
        .unwrap();
    assert!(first.manifest.contains("of another"));
    let fresh = renderer()
        .with_limits(wasser_chart::Limits::default())
        .render(&chart, &meta(), &json!({}))
        .await
        .unwrap();
    for _ in 0..4 {
        let again = renderer().render(&chart, &meta(), &json!({})).await.unwrap();
        assert_eq!(again.manifest, fresh.manifest);
        assert!(!again.manifest.contains("secret"));
    }
}

#[tokio::test]
async fn more_charts_than_an_instance_keeps() {
    for round in 0..2 {
        for index in 0..20 {
            let text = format!("v: {index}\n");
            let rendered = render(renderer(), &[("templates/a.yaml", &text)], &json!({}))
                .await
                .unwrap();
            assert!(rendered.manifest.ends_with(&text), "{round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_renders_at_once_each_get_their_own() {
    let chart = chart(&[("templates/a.yaml", "v: {{ .Values.number }}\n")]);
    let renders = (0..40).map(|number| {
        let chart = chart.clone();
        tokio::spawn(async move {
            (
                number,
                renderer()
                    .render(&chart, &meta(), &json!({"number": number}))
                    .await
                    .unwrap(),
            )
        })
    });
    for render in renders.collect::<Vec<_>>() {
        let (number, rendered) = render.await.unwrap();
        assert!(rendered.manifest.ends_with(&format!("v: {number}\n")));
    }
}

#[tokio::test]
async fn an_archive_that_only_looks_like_a_chart_is_refused_by_helm() {
    let chart = chart(&[("Chart.yaml", "apiVersion: v2\nname: demo\nversion: not-a-version\n")]);
    let error = refused(renderer().render(&chart, &meta(), &Value::Null).await);
    assert!(error.message.contains("version"), "{}", error.message);
    let cut = chart.archive().slice(..chart.archive().len() - 12);
    if let Ok(chart) = Chart::from_tgz(cut) {
        refused(renderer().render(&chart, &meta(), &Value::Null).await);
    }
}

#[tokio::test]
async fn what_only_a_hook_of_a_deletion_brings_is_not_there_for_the_rest() {
    let account = |event: &str| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: ci-deployer\n  annotations: {{helm.sh/hook: \
                {event}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata:\n  name: cleanup\n  annotations: {{helm.sh/hook: post-delete}}\n\
             spec: {{serviceAccountName: ci-deployer, containers: []}}\n"
        )
    };
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {serviceAccountName: ci-deployer, containers: []}\n";
    let policy = wasser_chart::Policy {
        namespace: "ns".to_owned(),
        kinds: ["Pod", "ServiceAccount"].map(str::to_owned).into(),
        ..Default::default()
    };
    for (event, admitted) in [("pre-install", true), ("post-delete", false), ("test", false)] {
        let account = account(event);
        let files = [
            ("templates/account.yaml", account.as_str()),
            ("templates/pod.yaml", pod),
        ];
        let rendered = render(renderer(), &files, &json!({})).await.unwrap();
        let outcome = policy
            .admit_release(&rendered)
            .map_err(|violation| violation.to_string());
        assert_eq!(outcome.is_ok(), admitted, "{event}: {outcome:?}");
        assert!(
            outcome.err().is_none_or(
                |refused| refused.starts_with("Pod a runs its pods under the service account `ci-deployer`")
            )
        );
        // Hooks may use what other hooks bring.
        let rendered = render(renderer(), &files[..1], &json!({})).await.unwrap();
        policy.admit_release(&rendered).unwrap();
    }
}

#[tokio::test]
async fn a_chart_that_multiplies_a_users_number_is_refused() {
    let template = "{{- range until (int .Values.masters) }}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: \
        master-{{ . }}}\n{{- end }}\n";
    let files = [("templates/services.yaml", template)];
    let refused = render(renderer(), &files, &json!({"masters": 5001}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("chart demo: it renders 5001 objects, and 500 are allowed"),
        "{refused}"
    );
    assert_eq!(
        render(renderer(), &files, &json!({"masters": 3}))
            .await
            .unwrap()
            .objects
            .len(),
        3
    );
}

#[tokio::test]
async fn the_words_of_a_template_do_not_push_the_remedy_out() {
    let files = [("templates/a.yaml", "{{ fail (repeat 200000 \"x\") }}")];
    let refused = render(renderer(), &files, &json!({})).await.unwrap_err().to_string();
    assert!(
        refused.len() < 800 && refused.contains("characters left out"),
        "{refused}"
    );
}
