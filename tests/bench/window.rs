//! The window: from the start of the process to its first painted content, and from a changed key to its pixels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::Consul;
use lab::window::{Launch, Window};

use crate::sample::Sample;
use crate::{Outcome, executable};

/// Cold starts.
const STARTS: usize = 9;
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(300);
/// Clock ticks a second in `/proc`.
const TICKS: f64 = 100.0;

/// When the first frame with content was on screen, in milliseconds since 1970, as the page marked it.
const FIRST_FRAME: &str = r"
    const [done] = arguments;
    const look = () => {
        const [mark] = performance.getEntriesByName('first frame');
        if (mark) done(performance.timeOrigin + mark.startTime);
        else requestAnimationFrame(look);
    };
    look();
";

pub(crate) async fn measure(changes: usize) -> Outcome<()> {
    cold_start().await?;
    key_to_pixels(changes).await
}

async fn cold_start() -> Outcome<()> {
    let app = executable("binnacle")?;
    let mut starts = Sample::default();
    for _ in 0..STARTS {
        let window = Window::open(Launch { executable: Some(app.clone()), ..Launch::default() }).await;
        let painted =
            window.driver().execute_async(FIRST_FRAME, vec![]).await?.json().as_f64().ok_or("no first frame")?;
        let started = start_of(&process_of(&app)?)?;
        starts.add(Duration::from_secs_f64(((painted - started) / 1000.0).max(0.0)));
        window.close().await;
    }
    let (median, slow) = (starts.quantile_ms(0.5), starts.quantile_ms(0.95));
    println!(
        "| start of the process → first content painted, p50 / p95 | {median:.0} / {slow:.0} ms | – | – | ≤ 600 ms |"
    );
    Ok(())
}

/// The `/proc` folder of the one process that runs this executable.
pub(crate) fn process_of(executable: &Path) -> Outcome<PathBuf> {
    let runs = |folder: &PathBuf| std::fs::read_link(folder.join("exe")).is_ok_and(|exe| exe == executable);
    let mut folders = std::fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path())).filter(runs);
    folders.next().ok_or_else(|| "the app does not run".into())
}

/// When a process was started, in milliseconds since 1970: field 22 of `stat`, in ticks since the boot.
pub(crate) fn start_of(process: &Path) -> Outcome<f64> {
    let stat = std::fs::read_to_string(process.join("stat"))?;
    let since_boot: f64 =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(19).ok_or("no start")?.parse()?;
    let system = std::fs::read_to_string("/proc/stat")?;
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime ")).ok_or("no boot time")?.parse()?;
    // `btime` has whole seconds only; the uptime tells the rest.
    let uptime: f64 = std::fs::read_to_string("/proc/uptime")?.split_whitespace().next().ok_or("no uptime")?.parse()?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs_f64();
    let exact_boot = if (now - uptime - boot).abs() < 2.0 { now - uptime } else { boot };
    Ok((exact_boot + since_boot / TICKS) * 1000.0)
}

/// Answers with the time at which the key's version stood on screen: two frames after it is in the document.
const SHOWN: &str = r"
    const [version, done] = [arguments[0], arguments[arguments.length - 1]];
    const look = () => document.body.innerText.replace(/[\s\u2009\u202f]/g, '').includes(version)
        ? requestAnimationFrame(() => requestAnimationFrame(() => done(Date.now())))
        : requestAnimationFrame(look);
    look();
";

async fn key_to_pixels(changes: usize) -> Outcome<()> {
    let consul = Consul::open().await?;
    let client = consul.client()?;
    client.kv_put("bench/key", b"start").await?;
    let source = format!("consul={}", consul.address());
    let app = Some(executable("binnacle")?);
    let window = Window::open(Launch { args: &["--source", &source], executable: app, ..Launch::default() }).await;
    window.press("5").await;
    window.click("treeitem", "bench").await;
    window.press(lab::window::RIGHT).await;
    window.click("treeitem", "key").await;
    let mut pixels = Sample::default();
    for change in 0..changes {
        tokio::time::sleep(PAUSE).await;
        client.kv_put("bench/key", change.to_string().as_bytes()).await?;
        let written = now_ms();
        let version = client.kv_get("bench/key").await?.ok_or("the key is gone")?.modify_index.to_string();
        let shown = window.driver().execute_async(SHOWN, vec![version.into()]).await?;
        let shown = shown.json().as_f64().ok_or("no time")?;
        pixels.add(Duration::from_secs_f64(((shown - written) / 1000.0).max(0.0)));
    }
    window.close().await;
    let (median, slow) = (pixels.quantile_ms(0.5), pixels.quantile_ms(0.95));
    println!(
        "| key changed → version on screen, p50 / p95 | {median:.0} / {slow:.0} ms | – | – | p95 ≤ 50 ms over the line |"
    );
    Ok(())
}

fn now_ms() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64() * 1000.0)
}
