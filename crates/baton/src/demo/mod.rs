//! `baton demo`: a server, a robot, a package and a job in one terminal. Everything goes over HTTP,
//! as it would from any client; only the temporary folder and the printing are the demo's own.

mod client;
mod sample;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use robot::Event;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::banner;
use crate::serve::{bind, open, print, stop_signal};
use client::Client;
use sample::Sample;

/// How `baton demo` is called.
#[derive(clap::Args)]
pub struct Args {
    /// End after the job: status 0 only if it was successful
    #[arg(long)]
    once: bool,
    /// Which sample to run; by default Python where Python is, else the shell
    #[arg(long, value_name = "NAME")]
    sample: Option<Choice>,
    /// Address to listen on; by default 127.0.0.1:8080, or any free port if that is taken
    #[arg(long, env = "BATON_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    Python,
    Shell,
}

/// Longest that the job may take: the first Python run downloads its environment.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the demo.
///
/// # Errors
/// A sentence that says what to do.
pub async fn run(args: Args) -> Result<ExitCode, String> {
    let sample = choose(args.sample).await?;
    let folder = tempfile::Builder::new()
        .prefix("baton-demo-")
        .tempdir()
        .map_err(|e| format!("A temporary folder cannot be made: {e}. Set TMPDIR to a folder that can be written."))?;
    let phase = Instant::now();
    let listener = listen(args.listen).await?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let (id, secret) = ("demo-app".to_owned(), identity::new_secret());
    let web = web::Config {
        data: folder.path().join("server"),
        database: None,
        public_url: None,
        max_upload: 1 << 30,
        cors_origins: Vec::new(),
        door: web::Door::default(),
    };
    let start = web::Start {
        app: Some(format!("{id}:{secret}")),
        ..web::Start::default()
    };
    let app = open(web, start).await?;
    print(&banner::first_run(&app, address));
    let machine_key = app
        .first
        .as_ref()
        .map(|f| f.machine_key.clone())
        .unwrap_or_default();

    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let stopped = async move { stopping.cancelled().await };
    let server = web::tasks::spawn("server", web::serve(app, listener, None, stopped));
    step("server", &format!("ready at http://{address}"), phase);

    let robots = CancellationToken::new();
    let (events, mut news) = mpsc::unbounded_channel();
    let options = robot_options(address, machine_key, folder.path());
    let agent = web::tasks::spawn("robot", robot::run(options, robots.clone(), Some(events)));

    let client = Client::new(
        &format!("http://{address}/default/DefaultTenant"),
        &id,
        &secret,
    );
    let outcome = tokio::select! {
        outcome = scenario(&client, sample, &mut news) => outcome,
        () = stop_signal() => Err("stopped".to_owned()),
    };
    let outcome = explain(outcome, sample);
    if let (false, Ok(_)) = (args.once, &outcome) {
        print(&hints(address, &id, &secret));
        stop_signal().await;
    }
    robots.cancel();
    let ended = agent.await.map_err(|e| e.to_string())?;
    stop.cancel();
    let _ = server.await;
    ended.map_err(|e| e.to_string())?;
    let successful = outcome?;
    Ok(if successful {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The chosen sample, or the one that runs here; says so when Python is missing.
async fn choose(choice: Option<Choice>) -> Result<Sample, String> {
    match choice {
        Some(Choice::Shell) => Ok(Sample::Shell),
        Some(Choice::Python) => sample::find_python().await.map(|()| Sample::Python),
        None => match sample::find_python().await {
            Ok(()) => Ok(Sample::Python),
            Err(why) => {
                print(&format!(
                    "{why}\nThe demo runs its shell sample instead.\n\n"
                ));
                Ok(Sample::Shell)
            }
        },
    }
}

async fn listen(wanted: Option<SocketAddr>) -> Result<tokio::net::TcpListener, String> {
    if let Some(address) = wanted {
        return bind(address, "--listen").await;
    }
    let usual = SocketAddr::from(([127, 0, 0, 1], 8080));
    match bind(usual, "--listen").await {
        Ok(listener) => Ok(listener),
        Err(_) => {
            let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "--listen").await?;
            let port = listener.local_addr().map_err(|e| e.to_string())?.port();
            print(&format!(
                "Port 8080 is in use; the demo takes port {port} (or give it one with --listen).\n\n"
            ));
            Ok(listener)
        }
    }
}

fn robot_options(address: SocketAddr, key: String, folder: &std::path::Path) -> robot::Options {
    robot::Options {
        url: format!("http://{address}/default/DefaultTenant"),
        credentials: robot::Credentials::MachineKey(key),
        data: folder.join("robot"),
        cache: sample::cache_folder(),
        slots: 4,
        name: None,
        python: None,
        pass_env: Vec::new(),
        grace: Duration::from_secs(5),
    }
}

fn step(who: &str, what: &str, since: Instant) {
    print(&format!(
        "  {who:<10} {what:<58} {:>6} ms\n",
        since.elapsed().as_millis()
    ));
}

/// What a client does to run a job: token, folder, machine, robot, package, release, start, watch.
async fn scenario(
    client: &Client,
    sample: Sample,
    news: &mut mpsc::UnboundedReceiver<Event>,
) -> Result<bool, String> {
    let phase = Instant::now();
    connected(news).await?;
    step("robot", "connected over the robot protocol", phase);

    let phase = Instant::now();
    client.sign_in().await?;
    step("client", "has a token (client_credentials)", phase);

    let phase = Instant::now();
    let folder = client.first("odata/Folders", None).await?;
    let folder_id = number(&folder, "Id")?;
    let machines = format!(
        "odata/Folders/UiPath.Server.Configuration.OData.GetMachinesForFolder(key={folder_id})"
    );
    let machine = client.first(&machines, None).await?;
    let configured = "odata/Robots/UiPath.Server.Configuration.OData.GetConfiguredRobots";
    let robot = client.first(configured, Some(folder_id)).await?;
    let (folder_name, machine_name) = (text(&folder, "DisplayName"), text(&machine, "Name"));
    step(
        "client",
        &format!("found folder {folder_name}, machine {machine_name}"),
        phase,
    );
    step(
        "client",
        &format!("found robot {}", text(&robot, "Name")),
        phase,
    );

    let phase = Instant::now();
    let package = sample.pack()?;
    let size = package.len();
    client
        .upload(&format!("{}.nupkg", sample.id()), package)
        .await?;
    step(
        "client",
        &format!("uploaded {} 1.0.0 ({} bytes)", sample.id(), size),
        phase,
    );

    let phase = Instant::now();
    let release = client
        .create_release(folder_id, sample.id(), "1.0.0")
        .await?;
    step(
        "client",
        &format!("made the process {}", text(&release, "Name")),
        phase,
    );

    let begun = Instant::now();
    let job = client
        .start_job(
            folder_id,
            &release,
            number(&robot, "Id")?,
            number(&machine, "Id")?,
            sample.input(),
        )
        .await?;
    step(
        "client",
        &format!(
            "started job {} ({})",
            number(&job, "Id")?,
            text(&job, "State")
        ),
        begun,
    );
    if sample == Sample::Python && !sample::has_environments() {
        print(
            "             The first run builds a Python environment (some 60 packages); later runs find it.\n",
        );
    }
    watch(client, folder_id, &job, begun, news).await
}

async fn connected(news: &mut mpsc::UnboundedReceiver<Event>) -> Result<(), String> {
    let waiting = async {
        while let Some(event) = news.recv().await {
            if matches!(event, Event::Connected { .. }) {
                return true;
            }
        }
        false
    };
    match tokio::time::timeout(Duration::from_secs(30), waiting).await {
        Ok(true) => Ok(()),
        _ => Err("The robot could not connect; run again with --log debug to see why.".into()),
    }
}

/// Prints what the robot does and what the job says until it ends.
async fn watch(
    client: &Client,
    folder: i64,
    job: &Value,
    begun: Instant,
    news: &mut mpsc::UnboundedReceiver<Event>,
) -> Result<bool, String> {
    let (id, key) = (number(job, "Id")?, text(job, "Key"));
    let mut shown = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let mut open = true;
    let mut info = String::new();
    loop {
        tokio::select! {
            event = news.recv(), if open => match event {
                Some(event) => report(&event, begun),
                None => open = false,
            },
            _ = tick.tick() => {
                let current = client.get(&format!("odata/Jobs({id})"), Some(folder)).await?;
                shown += show_log(client, folder, key, shown).await?;
                let state = text(&current, "State").to_owned();
                if state == "Running" && text(&current, "Info") != info {
                    info = text(&current, "Info").to_owned();
                    step("job", &info, begun);
                }
                if ["Successful", "Faulted", "Stopped"].contains(&state.as_str()) {
                    while let Ok(event) = news.try_recv() {
                        report(&event, begun);
                    }
                    show_log(client, folder, key, shown).await?;
                    return Ok(summary(&current, begun));
                }
                if begun.elapsed() > PATIENCE {
                    return Err(format!("The job is still {state} after {} s: the demo gives up.", PATIENCE.as_secs()));
                }
            }
        }
    }
}

fn report(event: &Event, begun: Instant) {
    if !matches!(event, Event::Finished { .. }) {
        step("robot", &event.to_string(), begun);
    }
}

async fn show_log(client: &Client, folder: i64, key: &str, shown: usize) -> Result<usize, String> {
    let path = format!(
        "odata/RobotLogs?$filter=JobKey eq {key}&$orderby=TimeStamp asc&$skip={shown}&$top=1000"
    );
    let page = client.get(&path, Some(folder)).await?;
    let lines = page["value"].as_array().cloned().unwrap_or_default();
    for line in &lines {
        print(&format!(
            "  log        [{}] {}\n",
            text(line, "Level"),
            text(line, "Message")
        ));
    }
    Ok(lines.len())
}

fn summary(job: &Value, begun: Instant) -> bool {
    let state = text(job, "State");
    step(
        "job",
        &format!("{state} on {}", text(job, "HostMachineName")),
        begun,
    );
    if let Some(output) = job["OutputArguments"].as_str() {
        print(&format!("  output     {output}\n"));
    }
    if state != "Successful" {
        print(&format!("  info       {}\n", text(job, "Info")));
    }
    state == "Successful"
}

/// A Python job that ends badly mostly means that its environment could not be downloaded.
fn explain(outcome: Result<bool, String>, sample: Sample) -> Result<bool, String> {
    if outcome == Ok(false) && sample == Sample::Python {
        print(
            "\nIf the environment could not be built: the first run downloads the sample's Python \
             dependencies.\nConnect to a network or set PIP_INDEX_URL to a mirror, or run \
             `baton demo --sample shell`, which needs none.\n",
        );
    }
    outcome
}

fn hints(address: SocketAddr, id: &str, secret: &str) -> String {
    let base = format!("http://{address}");
    format!(
        "\nServer and robot keep running until Ctrl-C. Try:\n\n\
         TOKEN=$(curl -s {base}/identity_/connect/token -d grant_type=client_credentials \\\n  \
           -d client_id={id} -d client_secret={secret} -d 'scope=OR.Jobs OR.Folders OR.Execution OR.Monitoring' \\\n  \
           | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         curl -s -H \"Authorization: Bearer $TOKEN\" {base}/odata/Folders\n\
         curl -s -H \"Authorization: Bearer $TOKEN\" -H 'X-UIPATH-FolderPath: Shared' {base}/odata/Jobs\n\
         curl -s -H \"Authorization: Bearer $TOKEN\" -H 'X-UIPATH-FolderPath: Shared' {base}/odata/RobotLogs\n"
    )
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

fn number(value: &Value, member: &str) -> Result<i64, String> {
    value[member]
        .as_i64()
        .ok_or_else(|| format!("The server's answer has no {member}: {value}"))
}
