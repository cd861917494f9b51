#include "probe_site.hpp"

#include "base/text.hpp"

namespace tandem::lab {

namespace {

constexpr auto* publish_probes = R"(
set -e
rm -rf /srv/git/probe-*
for origin in one two; do
  git init -q --bare -b main /srv/git/probe-$origin.git
  mkdir /srv/git/probe-work
  cd /srv/git/probe-work
  git init -q -b main
  git config user.email probe@example.org
  git config user.name probe
  cp /tmp/probe.py probe.py
  mkdir requirements
  echo asgiref > requirements.txt
  echo sqlparse > requirements/more.txt
  echo $origin > origin.txt
  for branch in main next; do
    git checkout -q -B $branch
    echo $branch > branch.txt
    git add -A
    git commit -q -m "The probe on $branch"
    git push -q /srv/git/probe-$origin.git $branch
  done
  cd /
  rm -r /srv/git/probe-work
done
)";

constexpr auto* application = R"("""Tells what it knows of itself, a line each, and keeps which paths were asked for."""

import os
import pathlib
import pwd
import time

HERE = pathlib.Path(__file__).parent
os.umask(0o002)  # the next release may belong to somebody else of the group


def told(environ, name):
    import uwsgi

    facts = {
        "callable": name,
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "origin": (HERE / "origin.txt").read_text().strip(),
        "branch": (HERE / "branch.txt").read_text().strip(),
        "variable": os.environ.get("PROBE_VARIABLE"),
        "word": os.environ.get("PROBE_WORD"),
        "workers": len(uwsgi.workers()),
        "threads": environ["wsgi.multithread"],
    }
    return "".join(f"{key}={value}\n" for key, value in facts.items())


def answer(environ, start_response, name):
    path = environ["PATH_INFO"]
    environ["wsgi.input"].read()
    with open(HERE / "log" / "asked", "a") as asked:
        asked.write(path + "\n")
    if path == "/sleep/":
        time.sleep(int(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [told(environ, name).encode()]


def application(environ, start_response):
    return answer(environ, start_response, "application")


def other(environ, start_response):
    return answer(environ, start_response, "other")
)";

// Stands where a virtualenv has Celery, and shows what it was called with.
constexpr auto* celery_stand_in = R"(#!/bin/bash
[ "$3" = worker ] || exit 1
exec -a "celery $*" sleep infinity
)";

struct Secret {
  std::string name;
  std::string content;
};

Result<void> write_secrets(Lab& lab, const std::vector<Secret>& secrets) {
  for (const auto* host : {"uno", "duo"}) {
    TANDEM_CHECK(lab.run_checked(host, {"mkdir", "-p", "/srv/guarded", "/srv/papers"}));
    TANDEM_CHECK(lab.write_file(host, "/usr/local/bin/celery", celery_stand_in, 0755));
    for (const auto& [name, content] : secrets)
      TANDEM_CHECK(lab.write_file(host, "/etc/tandem/secrets/" + name, content, 0600));
  }
  return {};
}

// TYPE BASE64 of a public key on tre.
Result<std::string> public_key(Lab& lab, const std::string& file) {
  TANDEM_TRY(const auto text, lab.read_file("tre", file));
  const auto words = split(trim(text), ' ');
  if (words.size() < 2) return failed(file + " is no public key");
  return words[0] + " " + words[1];
}

} // namespace

Result<proofs::Facts> prepare_probes(Lab& lab) {
  TANDEM_CHECK(lab.write_file("tre", "/tmp/probe.py", application));
  TANDEM_CHECK(lab.run_checked("tre", {"sh", "-c", publish_probes}, {.user = "git"}));
  TANDEM_CHECK(lab.run_checked("tre", {"sh", "-c",
                                       "rm -f /root/probe-*; for key in one two; do ssh-keygen -q -t ed25519 -N '' -f "
                                       "/root/probe-$key; done"}));
  TANDEM_TRY(const auto right, lab.read_file("tre", "/root/.ssh/id_ed25519")); // the one that tre's git knows
  TANDEM_TRY(const auto wrong, lab.read_file("tre", "/root/probe-one"));
  TANDEM_CHECK(write_secrets(lab, {{"probe-right.key", right},
                                   {"probe-wrong.key", wrong},
                                   {"probe-one.env", "PROBE_WORD=first\n"},
                                   {"probe-two.env", "PROBE_WORD=second\n"},
                                   {"probe.htpasswd", "visitor:{PLAIN}word\n"},
                                   {"probe.password", "a word of mine\n"},
                                   {"probe.nginx", "add_header X-Probe extra always;\n"}}));
  proofs::Facts facts;
  TANDEM_TRY(facts["key_one"], public_key(lab, "/root/probe-one.pub"));
  TANDEM_TRY(facts["key_two"], public_key(lab, "/root/probe-two.pub"));
  TANDEM_TRY(facts["host_key"], public_key(lab, "/etc/ssh/ssh_host_ed25519_key.pub"));
  facts["wrong_host_key"] = facts["key_one"];
  return facts;
}

std::string probe_words() {
  return R"(exec 2>&1
cd /
sql() { runuser -u postgres -- psql -XAtqc "$1"; }
database() { runuser -u postgres -- psql -XAtqd "$1" -c "$2"; }
within_a_minute() {
  local end=$((SECONDS + 60))
  until "$@"; do
    if [ $SECONDS -ge $end ]; then
      echo "not within a minute: $*"
      return 1
    fi
    sleep 0.1
  done
}
reconcile() { within_a_minute tandem files reconcile > /dev/null; }
visit_unnamed() {
  local site=$1 path=$2
  shift 2
  curl -ksS --max-time 20 --resolve "$site:443:%primary_address%" "https://$site$path" "$@"
}
visit() { visit_unnamed "$@" --user visitor:word; }
)";
}

Result<void> clear_probes(Lab& lab, const std::string& primary) {
  constexpr auto* here = R"(set -e
systemctl stop 'tandem-site@probe*' 'tandem-site@before*' 'tandem-site@after*' 'tandem-site@pinned*'
for site in probe before after pinned; do
  rm -rf /etc/nginx/sites-enabled/$site.test.conf /www/$site.test /www/.releases/$site.test /var/lib/tandem/sites/$site.test
done
nginx -t -q
systemctl reload nginx
rm -rf /srv/guarded /srv/papers
)";
  constexpr auto* databases = R"(set -e
cd /
for name in probe_one probe_two; do runuser -u postgres -- psql -Xqc "drop database if exists $name"; done
for name in probe_first probe_second; do runuser -u postgres -- psql -Xqc "drop role if exists $name"; done
)";
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(lab.run_checked(host, {"bash", "-c", here}));
  TANDEM_CHECK(lab.run_checked(primary, {"bash", "-c", databases}));
  TANDEM_CHECK(lab.run_checked(primary, {"tandem", "files", "reconcile", "--allow-deletions"}));
  return {};
}

} // namespace tandem::lab
