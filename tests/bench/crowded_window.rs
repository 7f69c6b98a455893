//! The window on a cluster of 10,000 Pods: how long until all of it is drawn, beside `curl` that fetches the same lists one after
//! the other; what all of its processes cost, and whether that grows while things change.

use std::path::Path;
use std::time::Duration;

use lab::cluster::{Cluster, Crowd};
use lab::window::{Launch, Window};

use crate::cluster::{labelled, one_after_the_other, patch};
use crate::idle::{TICKS, WATCHED, pss_mb, ticks};
use crate::sample::{Sample, row};
use crate::window::{process_of, start_of};
use crate::{Outcome, executable};

/// Starts of the window, in turns with the peer.
const STARTS: usize = 5;
/// What a page made first is given back after this time.
const SETTLED: Duration = Duration::from_secs(20);
/// As many changes as a cluster with one every third of a second has in an hour.
const CHURN: usize = 10_000;

/// Answers with the time at which all services stood in a drawing: two frames after that.
const WHOLE: &str = r"
    const [services, done] = arguments;
    const said = () => document.body.innerText.replace(/[\s\u2009\u202f]/g, '');
    const look = () => said().includes(`${services}services`) && document.querySelector('canvas[data-drawn]')
        ? requestAnimationFrame(() => requestAnimationFrame(() => done(Date.now())))
        : requestAnimationFrame(look);
    look();
";

pub(crate) async fn measure() -> Outcome<()> {
    let cluster = Crowd::LARGE.open().await?;
    let app = executable("binnacle")?;
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..STARTS {
        let window = open(&cluster, &app).await?;
        let services = Crowd::LARGE.deployments.to_string();
        let whole = window.driver().execute_async(WHOLE, vec![services.into()]).await?.json().as_f64();
        let took = whole.ok_or("no time")? - start_of(&process_of(&app)?)?;
        ours.add(Duration::from_secs_f64((took / 1000.0).max(0.0)));
        window.close().await;
        let began = std::time::Instant::now();
        one_after_the_other(&cluster).await?;
        theirs.add(began.elapsed());
    }
    row("start of the process → all of 10,000 Pods drawn", &ours, &theirs, "p50 ≤ 2.0");
    let window = open(&cluster, &app).await?;
    let services = Crowd::LARGE.deployments.to_string();
    window.driver().execute_async(WHOLE, vec![services.into()]).await?;
    tokio::time::sleep(SETTLED).await;
    let processes = Processes::of(&window)?;
    println!(
        "| memory (PSS) of the window, 10,000 Pods, its own process / all | {} | – | – | ≤ 120 / 400 MB |",
        processes.memory()?
    );
    let before = processes.ticks()?;
    tokio::time::sleep(WATCHED).await;
    let share = |one: f64| format!("{:.2} %", one / TICKS / WATCHED.as_secs_f64() * 100.0);
    let spent = processes.ticks()?;
    let (own, web) = (spent.0 - before.0, spent.1 - before.1);
    println!(
        "| idle processor of the window, 10,000 Pods, its own process / the web's | {} / {} of a core | – | – | ≤ 1 % |",
        share(own),
        share(web)
    );
    let client = cluster.client()?;
    let pods = labelled(&client).await?;
    for (number, (namespace, pod, _)) in pods.iter().cycle().take(CHURN).enumerate() {
        patch(&client, namespace, pod, number).await?;
    }
    tokio::time::sleep(SETTLED).await;
    println!("| the same memory after {CHURN} changes of Pods | {} | – | – | no growth |", processes.memory()?);
    window.close().await;
    Ok(())
}

async fn open(cluster: &Cluster, app: &Path) -> Outcome<Window> {
    let kubeconfig = cluster.kubeconfig().display().to_string();
    Ok(Window::open(Launch {
        args: &["--source", "kube=minikube"],
        env: &[("KUBECONFIG", &kubeconfig)],
        executable: Some(app.to_owned()),
        ..Launch::default()
    })
    .await)
}

/// The app's own process, and those of its web view.
struct Processes {
    own: Vec<u32>,
    web: Vec<u32>,
}

impl Processes {
    fn of(window: &Window) -> Outcome<Self> {
        let own = window.app_processes();
        let home = format!("HOME={}\0", window.home().display());
        let is_web = |pid: &u32| {
            let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let names = ["WebKitWebProces", "WebKitNetworkPr"];
            names.contains(&String::from_utf8_lossy(&read("comm")).trim())
                && String::from_utf8_lossy(&read("environ")).contains(&home)
        };
        let all = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let web: Vec<u32> = all.filter(is_web).collect();
        if own.is_empty() || web.is_empty() {
            Err("the processes of the window are not found".into())
        } else {
            Ok(Self { own, web })
        }
    }

    fn memory(&self) -> Outcome<String> {
        let of = |pids: &[u32]| {
            pids.iter().try_fold(0.0, |sum, pid| Ok::<_, Box<dyn std::error::Error + Send + Sync>>(sum + pss_mb(*pid)?))
        };
        let (own, web) = (of(&self.own)?, of(&self.web)?);
        Ok(format!("{own:.0} / {:.0} MB", own + web))
    }

    fn ticks(&self) -> Outcome<(f64, f64)> {
        let of = |pids: &[u32]| {
            pids.iter().try_fold(0.0, |sum, pid| Ok::<_, Box<dyn std::error::Error + Send + Sync>>(sum + ticks(*pid)?))
        };
        Ok((of(&self.own)?, of(&self.web)?))
    }
}
