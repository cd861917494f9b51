#include "around.hpp"

#include "base/text.hpp"
#include "lab/acme.hpp"
#include "lab/name_server.hpp"
#include "lab/wait.hpp"
#include "say.hpp"

namespace tandem::demo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int tasks = 500;
constexpr int uploads = 12;
constexpr int first_upload = 10'000; // the number in it
constexpr std::chrono::minutes patience{3};

constexpr auto* around = R"([site.celery]
app = "shop"
beat = true
[[site.celery.worker]]
name = "default"
concurrency = 2
[site.import]
user = "partner"
pattern = "*.txt"
run = "python manage.py take {file}"
[[user]]
name = "partner"
primary_group = "sftponly"
sftp_only = true
ssh_keys = ["%key%"]
folders = ["import"]
[certificates]
acme = "%acme%"
ca_bundle = "secrets/acme.pem"
[dns]
provider = "rfc2136"
server = "10.77.0.13"
key_file = "secrets/dns.key"
ttl = "60s"
)";

Result<std::string> shell(lab::Lab& lab, const std::string& host, const std::string& line) {
  TANDEM_TRY(const auto said, lab.run_checked(host, {"bash", "-c", line}));
  return std::string(trim(said));
}

// -1: the server does not say it at the moment.
int number_of(lab::Lab& lab, const std::string& host, const std::string& query) {
  const auto said = shell(lab, host, "cd / && runuser -u postgres -- psql -d shop -Atc " + shell_quoted(query));
  const auto number = said ? to_number(*said) : std::nullopt;
  return number ? static_cast<int>(*number) : -1;
}

Result<void> ask_for_all(lab::Lab& lab, lab::ShopPair& pair) {
  TANDEM_TRY(const auto authority, lab::start_acme(lab));
  TANDEM_CHECK(lab::lead_names_to(lab, "10.77.0.12"));
  TANDEM_TRY(const auto key, lab::start_name_servers(lab, {.zones = {"shop.test"}, .address = "10.77.0.12"}));
  TANDEM_TRY(const auto partner, shell(lab, "tre",
                                       "rm -f /root/partner*; ssh-keygen -q -t ed25519 -N '' -C partner -f "
                                       "/root/partner && cat /root/partner.pub"));
  TANDEM_CHECK(shell(lab, "duo", "install -d -m 0700 /etc/tandem/secrets"));
  TANDEM_CHECK(lab.write_file("duo", "/etc/tandem/secrets/acme.pem", authority, 0600));
  TANDEM_CHECK(lab.write_file("duo", "/etc/tandem/secrets/dns.key", key, 0600));
  const auto more = replace_all(replace_all(around, "%key%", partner), "%acme%", lab::directory_of({}));
  TANDEM_CHECK(pair.write_toml("duo", lab::shop_toml({.more = more})));
  TANDEM_CHECK(pair.tandem("duo", {"apply"}));
  return {};
}

// What a browser is shown by that server.
bool serves_acme(lab::Lab& lab, const std::string& address) {
  const auto issuer = shell(lab, "tre",
                            "openssl s_client -connect " + address +
                                ":443 -servername shop.test < /dev/null 2> /dev/null | openssl x509 -noout -issuer");
  return issuer && issuer->find("Pebble") != std::string::npos;
}

Result<void> get_certificates(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  say("---- certificates are got by themselves, and served by both servers");
  const auto began = Clock::now();
  const auto served = [&] { return serves_acme(lab, "10.77.0.11") && serves_acme(lab, "10.77.0.12"); };
  if (!lab::wait_until(served, patience)) return failed("the servers do not serve a certificate of the ACME server");
  figures["certificates_s"] = std::chrono::duration<double>(Clock::now() - began).count();
  TANDEM_CHECK(pair.tandem("duo", {"certificates"}));
  return {};
}

// By the address that the partner has always had, whoever is the primary now.
Result<void> upload(lab::Lab& lab, int first, int last) {
  TANDEM_CHECK(shell(lab, "tre",
                     fmt::format("cd /root && for n in $(seq {} {}); do echo $n > upload && echo \"put upload "
                                 "import/order$n.txt\" | sftp -q -i partner -o StrictHostKeyChecking=no -o "
                                 "UserKnownHostsFile=/dev/null -b - partner@10.77.0.12 > /dev/null 2>&1 || exit; done",
                                 first, last)));
  return {};
}

Result<void> put_tasks(lab::Lab& lab) {
  TANDEM_CHECK(shell(lab, "duo",
                     fmt::format("cd /www/shop.test && set -a && . /var/lib/tandem/sites/shop.test/current.env && "
                                 "/usr/sbin/runuser -u nikolays -- env/bin/python manage.py work 1 {} --seconds 0.02",
                                 tasks)));
  return {};
}

int done(lab::Lab& lab, const std::string& host, const std::string& what, bool distinct) {
  return number_of(lab, host,
                   fmt::format("select count({}) from orders_work where name = '{}'",
                               distinct ? "distinct number" : "number", what));
}

Result<void> change_places_at_work(lab::Lab& lab, lab::ShopPair& pair) {
  say(fmt::format("---- {} tasks for Celery, {} uploads by SFTP; in their midst tandem switchover, typed on duo", tasks,
                  uploads));
  TANDEM_CHECK(shell(lab, "duo", "cd / && runuser -u postgres -- psql -d shop -qc 'delete from orders_work'"));
  TANDEM_CHECK(put_tasks(lab));
  TANDEM_CHECK(upload(lab, first_upload + 1, first_upload + uploads / 2));
  if (!lab::wait_until([&] { return done(lab, "duo", "count", true) > tasks / 20; }, patience))
    return failed("no worker does any task", "tandem status on duo");
  TANDEM_CHECK(pair.tandem("duo", {"switchover"}));
  return upload(lab, first_upload + uploads / 2 + 1, first_upload + uploads);
}

int names_that_lead_elsewhere(lab::Lab& lab, const std::string& address) {
  int wrong = 0;
  for (const auto* server : {lab::name_server, lab::second_name_server})
    for (const auto* name : {"shop.test", "www.shop.test"}) {
      const auto answer = lab::ask_name_server(lab, server, name);
      if (!answer || trim(*answer) != address) ++wrong;
    }
  return wrong;
}

} // namespace

Result<void> around_a_site(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  TANDEM_CHECK(ask_for_all(lab, pair));
  TANDEM_CHECK(get_certificates(lab, pair, figures));
  TANDEM_CHECK(change_places_at_work(lab, pair));
  const auto all = [&] {
    return done(lab, "uno", "count", true) == tasks && done(lab, "uno", "take", true) == uploads;
  };
  lab::wait_until(all, patience); // what is missing after that is lost
  for (const auto& [what, name, number] :
       {std::tuple("count", "tasks", tasks), std::tuple("take", "uploads", uploads)}) {
    const auto distinct = done(lab, "uno", what, true);
    figures[std::string(name) + "_lost"] = number - distinct;
    figures[std::string(name) + "_doubled"] = done(lab, "uno", what, false) - distinct;
  }
  figures["names_wrong"] = names_that_lead_elsewhere(lab, "10.77.0.11");
  for (const auto* command : {"imports", "dns", "status"})
    TANDEM_CHECK(pair.tandem("uno", {command}));
  return {};
}

} // namespace tandem::demo
