#include "lab/shop_pair.hpp"

#include "base/text.hpp"
#include "lab/publish.hpp"

namespace tandem::lab {

namespace {

constexpr auto* shop_site = R"([[site]]
domain = "shop.test"
aliases = ["www.shop.test"]
repo = "http://tre/git/shop.git"
branch = "main"
owner = "nikolays"
wsgi = "shop.wsgi:application"
environment = { SHOP_DATABASE = "shop", SHOP_ALLOWED_HOSTS = "shop.test,www.shop.test" }
environment_file = "secrets/shop.env"
requirements = "requirements.txt"
pip_options = ["--no-index", "--find-links", "/srv/wheels"]
folders = [
  { name = "media" }, { name = "static" },
  { name = "logs", group = "www-data", replicate = false },
]
serve = { "/static/" = "static", "/media/" = "media" }
deploy_steps = ["python manage.py migrate --noinput", "python manage.py collectstatic --noinput"]
health = "/"
max_body = "64MB"
[site.uwsgi]
processes = 2
threads = 4
harakiri = "30s"
[site.database]
name = "shop"
owner = "nikolays"
)";

} // namespace

std::string shop_site_toml() {
  return shop_site;
}

std::string shop_toml(const TomlOptions& options) {
  std::string toml = "[pair]\nname = \"shops\"\nadmin_mail = \"ops@example.org\"\n\n[host]\n" + options.host + "\n";
  toml += "[[server]]\nname = \"uno\"\naddress = \"10.77.0.11\"\n";
  if (options.two_servers) toml += "[[server]]\nname = \"duo\"\naddress = \"10.77.0.12\"\n";
  toml += "\n[[user]]\nname = \"andrey\"\nuid = 1000\ngroups = [\"sudo\", \"www-data\"]\n"
          "[[user]]\nname = \"nikolays\"\nuid = 1001\ngroups = [\"sudo\", \"www-data\"]\n\n";
  return toml + shop_site + options.more;
}

Result<void> ShopPair::publish_shop() {
  return publish(lab_, goods_.shop, "shop");
}

Result<void> ShopPair::install(const std::string& host) {
  progress_("installing tandem's package on " + host);
  TANDEM_CHECK(lab_.copy_in(goods_.package, host, "/root/tandem.deb"));
  TANDEM_CHECK(lab_.run_checked(host, {"apt-get", "-q", "update"}));
  TANDEM_CHECK(
      lab_.run_checked(host, {"apt-get", "-q", "-y", "install", "--no-install-recommends", "/root/tandem.deb"}));
  return {};
}

Result<void> ShopPair::write_toml(const std::string& host, const std::string& toml) {
  TANDEM_CHECK(lab_.run_checked(host, {"install", "-d", "-m", "0700", "/etc/tandem/secrets"}));
  TANDEM_CHECK(lab_.write_file(host, "/etc/tandem/secrets/shop.env", "SHOP_SECRET_KEY=only-for-the-lab\n", 0600));
  return lab_.write_file(host, "/etc/tandem/tandem.toml", toml, 0600);
}

Result<std::string> ShopPair::init() {
  progress_("tandem init on uno");
  TANDEM_TRY(const auto json, tandem("uno", {"init", "--json"}));
  const auto at = json.find("\"token\"");
  if (at == std::string::npos) return std::string(); // a pair of one server lets nobody in
  const auto begin = json.find('"', json.find(':', at)) + 1;
  return json.substr(begin, json.find('"', begin) - begin);
}

Result<void> ShopPair::join_second(const std::string& token) {
  progress_("tandem join on duo");
  TANDEM_CHECK(tandem("duo", {"join", "10.77.0.11", token}));
  return {};
}

Result<system::Outcome> ShopPair::try_tandem(const std::string& host, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"tandem"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return lab_.run(host, command, {.time_limit = std::chrono::minutes(15), .on_line = [&](std::string_view line) {
                                    progress_(host + ": " + std::string(line));
                                  }});
}

Result<std::string> ShopPair::tandem(const std::string& host, const std::vector<std::string>& arguments) {
  TANDEM_TRY(auto outcome, try_tandem(host, arguments));
  if (outcome.ok()) return outcome.output;
  return failed(fmt::format("tandem {} on {} ended with status {}: {}{}", join(arguments, " "), host, outcome.status,
                            trim(outcome.errors), trim(outcome.output)));
}

Result<std::string> ShopPair::fetch(const std::string& host, const std::string& path) {
  TANDEM_TRY(const auto authority, lab_.read_file(host, "/etc/tandem/postgresql/ca.pem"));
  TANDEM_CHECK(lab_.write_file("tre", "/root/ca.pem", authority));
  const std::string address = host == "uno" ? "10.77.0.11" : "10.77.0.12";
  return lab_.run_checked("tre",
                          {"curl", "-sS", "--fail", "--max-time", "30", "--cacert", "/root/ca.pem", "--resolve",
                           std::string(shop_domain) + ":443:" + address, "https://" + std::string(shop_domain) + path});
}

} // namespace tandem::lab
