//! Profiles, as users have them: files that variables name, programs that give out credentials, and what goes wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::child::{CommandOutput, command, finish};

/// A folder with files of the AWS SDKs.
struct Home(tempfile::TempDir);

impl Home {
    /// A home with this `config`, in which `@` stands for the folder.
    fn with(config: &str) -> Home {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().to_str().expect("scratch folders have plain names");
        fs::write(folder.path().join("config"), config.replace('@', path)).expect("there is room");
        Home(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The command with these space-separated arguments, and this home.
    fn command(&self, words: &str) -> Command {
        let mut command = command(words.split(' '));
        command
            .env("HOME", self.path())
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_CONFIG_FILE", self.path().join("config"));
        command
    }

    /// The result of a run at an endpoint at which nobody listens.
    #[track_caller]
    fn run(&self, words: &str) -> CommandOutput {
        finish(self.command(&format!("run --endpoint-url http://127.0.0.1:1 {words}")))
    }
}

#[cfg(not(feature = "profiles"))]
#[test]
fn without_profiles_the_option_says_how_to_get_them() {
    let home = Home::with("");
    for option in ["profile", "denied-profile"] {
        let mut run = home.command(&format!("run --endpoint-url http://127.0.0.1:1 --{option} x"));
        run.env("AWS_ACCESS_KEY_ID", "x")
            .env("AWS_SECRET_ACCESS_KEY", "x");
        finish(run).ended_with(2).complains_of(&[
            "could not use profiles: this stopcheck was built without them",
            "--features profiles",
            "hint: or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ]);
    }
}

#[test]
fn a_profile_and_keys_on_the_command_line_exclude_each_other() {
    let home = Home::with("");
    for keys in ["--access-key-id x --secret-access-key x", "--access-key-id-env X"] {
        home.run(&format!("--profile x {keys}"))
            .ended_with(2)
            .complains_of(&["--profile", "cannot be used with"]);
    }
    home.run("--profile=").ended_with(2).complains_of(&["--profile"]);
}

#[cfg(feature = "profiles")]
mod built_in {
    use stopcheck::reference::keys;

    use super::*;
    use crate::child::Served;

    fn keys_of(name: &str, known: keys::WellKnown) -> String {
        let token = known
            .session_token
            .map(|token| format!("aws_session_token = {token}\n"));
        format!(
            "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n{}\n",
            known.access_key,
            known.secret,
            token.unwrap_or_default()
        )
    }

    /// What a program prints that gives out the key of the reference.
    fn document(expiration: &str) -> String {
        let (id, secret) = (keys::MAIN.access_key, keys::MAIN.secret);
        format!(
            r#"{{"Version": 1, "AccessKeyId": "{id}", "SecretAccessKey": "{secret}", "Expiration": "{expiration}"}}"#
        )
    }

    #[test]
    fn all_callers_can_be_profiles_and_the_region_is_that_of_the_main_one() {
        let server = Served::with(&["--region", "eu-west-1"]);
        let url = server.value("AWS_ENDPOINT_URL_EC2");
        let config = [
            ("profile main", keys::MAIN),
            ("profile denied", keys::DENIED),
            ("profile session", keys::SESSION),
            ("profile gone", keys::EXPIRED),
        ]
        .map(|(name, known)| keys_of(name, known))
        .concat()
        .replace("[profile main]", "[profile main]\nregion = eu-west-1");
        let home = Home::with(&config);
        let words = format!(
            "run --endpoint-url {url} --phase scenarios --case auth/* --profile main --denied-profile denied \
             --session-profile session --expired-profile gone"
        );
        let run = finish(home.command(&words)).ended_with(0).says(&["CONFORMS"]);
        assert!(!run.stdout.contains("credentials"), "{}", run.stdout);
    }

    #[test]
    fn an_option_wins_over_variables_and_those_over_the_profile_of_the_environment_and_of_the_file() {
        let server = Served::start();
        let url = server.value("AWS_ENDPOINT_URL_EC2");
        let home = Home::with(&keys_of("profile main", keys::MAIN));
        let words = format!("run --endpoint-url {url} --phase scenarios --case dry-run/valid");
        let run = |words: &str, variables: &[(&str, &str)]| {
            let mut run = home.command(words);
            run.current_dir(home.path()).envs(variables.iter().copied());
            finish(run)
        };
        let wrong = [
            ("AWS_ACCESS_KEY_ID", "AKIANOBODYNOBODY0000"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ];
        run(&format!("{words} --profile main"), &wrong).ended_with(0);
        run(&words, &[("AWS_PROFILE", "main")]).ended_with(0);
        run(&words, &[wrong[0], wrong[1], ("AWS_PROFILE", "main")])
            .ended_with(2)
            .complains_of(&["refuses the credentials"]);
        // The profile `default` is for real AWS, or if it is named.
        run(&words, &[])
            .ended_with(2)
            .complains_of(&["no credentials: set AWS_ACCESS_KEY_ID"]);
        fs::write(home.path().join("stopcheck.toml"), "profile = \"main\"\n").expect("there is room");
        run(&words, &[]).ended_with(0);
        run(&words, &wrong)
            .ended_with(2)
            .complains_of(&["refuses the credentials"]);
    }

    #[test]
    fn a_program_gives_out_credentials() {
        let server = Served::start();
        let url = server.value("AWS_ENDPOINT_URL_EC2");
        let home = Home::with("[profile program]\ncredential_process = cat @/document\n");
        let words =
            format!("run --endpoint-url {url} --phase scenarios --case dry-run/valid --profile program");
        fs::write(home.path().join("document"), document("2099-01-01T00:00:00Z")).expect("there is room");
        finish(home.command(&words)).ended_with(0).says(&["CONFORMS"]);
        fs::write(home.path().join("document"), document("2020-01-01T00:00:00Z")).expect("there is room");
        finish(home.command(&words))
            .ended_with(2)
            .complains_of(&["the profile \"program\": they have expired already"]);
    }

    #[test]
    fn a_program_that_fails_is_reported_with_its_complaint_and_never_with_its_output() {
        let home = Home::with(
            "[profile program]\ncredential_process = sh -c 'echo SECRET-TEXT; echo no token card >&2; exit 3'\n\
             [profile babble]\ncredential_process = echo SECRET-TEXT\n",
        );
        let failed =
            "could not load the credentials of the profile \"program\": its credential_process failed";
        let run = home.run("--profile program").ended_with(2);
        assert!(!run.stderr.contains("SECRET-TEXT"), "{}", run.stderr);
        run.complains_of(&[failed, "no token card", "exit status: 3"]);
        let run = home.run("--profile babble").ended_with(2);
        assert!(!run.stderr.contains("SECRET-TEXT"), "{}", run.stderr);
    }

    #[test]
    fn a_missing_profile_is_answered_by_those_that_are_near() {
        let home = Home::with("[profile sandbox]\nregion = eu-west-1\n[profile prod]\nregion = eu-west-1\n");
        home.run("--profile sandbx")
            .ended_with(2)
            .complains_of(&["could not find the profile \"sandbx\"", "perhaps one of: sandbox"]);
        home.run("--profile nothing-like-it")
            .ended_with(2)
            .complains_of(&["there are: prod, sandbox"]);
        home.run("--profile sandbox")
            .ended_with(2)
            .complains_of(&["could not find credentials in the profile \"sandbox\""]);
        Home::with("")
            .run("--profile prod")
            .ended_with(2)
            .complains_of(&["there are none", "AWS_CONFIG_FILE"]);
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        Home::with("[profile a]\nregion = eu-west-1\n[profile b\n")
            .run("--profile a")
            .ended_with(2)
            .complains_of(&["could not read the profiles: ", "/config on line 3"]);
    }

    #[test]
    fn an_sso_session_that_has_ended_says_how_to_sign_in() {
        let config = "[profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Tester\n\
                      [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example/start\n\
                      [profile role]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = sso\n";
        let home = Home::with(config);
        for profile in ["sso", "role"] {
            home.run(&format!("--profile {profile}"))
                .ended_with(2)
                .complains_of(&[
                    &format!("could not use the SSO session of the profile \"{profile}\""),
                    &format!("aws sso login --profile {profile}"),
                ]);
        }
        let cache = home.path().join(".aws/sso/cache");
        fs::create_dir_all(&cache).expect("there is room");
        // The name is the SHA-1 of `corp`.
        let token = r#"{"accessToken": "TOKEN-TEXT", "expiresAt": "2020-01-01T00:00:00Z", "region": "us-east-1", "startUrl": "https://corp.example/start"}"#;
        fs::write(cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"), token).expect("there is room");
        let run = home.run("--profile sso").ended_with(2);
        assert!(!run.stderr.contains("TOKEN-TEXT"), "{}", run.stderr);
        run.complains_of(&["expired", "aws sso login --profile sso"]);
    }

    #[test]
    fn an_expired_profile_must_have_expired() {
        let home = Home::with(
            &[("profile main", keys::MAIN), ("profile other", keys::DENIED)]
                .map(|(name, known)| keys_of(name, known))
                .concat(),
        );
        home.run("--profile main --expired-profile other")
            .ended_with(2)
            .complains_of(&["the profile \"other\" has no session token"]);
    }
}
