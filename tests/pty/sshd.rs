//! An SSH server of the test's own: its own port, host key and authorized key, all in the sandbox.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::harness::CommandBuilder;

pub struct Sshd {
    server: Child,
    port: u16,
    key: PathBuf,
}

impl Sshd {
    /// Starts the server; or says why there is none on this machine.
    pub fn start(folder: &Path) -> Result<Self, String> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let program = program.ok_or("sshd is not installed")?;
        let runs = |program: &str, flag: &str| {
            Command::new(program).arg(flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
        };
        runs("ssh", "-V").map_err(|_| "ssh is not installed")?;
        let (key, host_key) = (folder.join("key"), folder.join("host_key"));
        for path in [&key, &host_key] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
            made.map_err(|_| "ssh-keygen is not installed")?;
        }
        if rustix::process::geteuid().is_root() {
            // Where sshd as root locks its children up; packages make it when they start their own server.
            fs::create_dir_all("/run/sshd").map_err(|error| format!("/run/sshd can't be made: {error}"))?;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
        let config = folder.join("sshd_config");
        fs::write(&config, settings(folder, port)).unwrap();
        let log = fs::File::create(folder.join("sshd.log")).unwrap();
        let server = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("sshd can't be started: {error}"))?;
        let mut sshd = Self { server, port, key };
        sshd.wait_until_it_listens(folder)?;
        Ok(sshd)
    }

    fn wait_until_it_listens(&mut self, folder: &Path) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.server.try_wait().unwrap().is_some();
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(folder.join("sshd.log")).unwrap_or_default();
                return Err(format!("sshd does not listen: {log}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// A client that runs the command in a terminal on the other side.
    pub fn client(&self, command: &str) -> CommandBuilder {
        let mut client = CommandBuilder::new("ssh");
        client.args(["-tt", "-F", "/dev/null", "-p", &self.port.to_string(), "-i"]);
        client.arg(&self.key);
        for option in
            ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        {
            client.args(["-o", option]);
        }
        client.args(["127.0.0.1", command]);
        client
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn settings(folder: &Path, port: u16) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".to_owned(),
        format!("HostKey {}", path("host_key")),
        format!("AuthorizedKeysFile {}", path("key.pub")),
        format!("PidFile {}", path("sshd.pid")),
        "PermitRootLogin yes".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "KbdInteractiveAuthentication no".to_owned(),
        "UsePAM no".to_owned(),
        // The sandbox lies in a folder that others may write to.
        "StrictModes no".to_owned(),
        "PrintMotd no".to_owned(),
        String::new(),
    ]
    .join("\n")
}
