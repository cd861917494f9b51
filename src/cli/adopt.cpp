#include "adopt/adopt.hpp"

#include "base/text.hpp"
#include "cli/watch.hpp"
#include "model/places.hpp"
#include "peer/json.hpp"
#include "peer/message.hpp"
#include "sites/by_hand.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <ostream>

namespace tandem::cli {

namespace {

using peer::Json;

struct AdoptOptions {
  adopt::Wishes wishes;
  std::string standby; // NAME=ADDRESS
  std::string output;
  bool undo = false;
  bool keep = false;
  bool json = false;
};

Result<void> read_standby(AdoptOptions& options) {
  if (options.standby.empty()) return {};
  const auto equals = options.standby.find('=');
  if (equals == std::string::npos)
    return fail(ErrorKind::invalid, "--standby " + options.standby + " has no address",
                "It is NAME=ADDRESS, such as --standby duo=192.0.2.12.");
  options.wishes.standby_name = options.standby.substr(0, equals);
  options.wishes.standby_address = options.standby.substr(equals + 1);
  return {};
}

// Nothing is written before all of it may be.
Result<void> must_be_free(system::Files& files, const std::string& path) {
  TANDEM_TRY(const auto status, files.status(path));
  if (status)
    return fail(ErrorKind::refused, path + " is there already, and is not overwritten",
                "Give --output another place, or move it away.");
  return {};
}

Result<void> write_all(system::Files& files, const std::string& path, const adopt::Adopted& adopted) {
  const auto folder = path.substr(0, path.rfind('/'));
  const auto by_hand = folder + "/" + model::by_hand_file;
  TANDEM_CHECK(must_be_free(files, path));
  TANDEM_CHECK(must_be_free(files, by_hand));
  for (const auto& [relative, content] : adopted.secrets)
    TANDEM_CHECK(must_be_free(files, folder + "/" + relative));
  if (!adopted.secrets.empty()) TANDEM_CHECK(files.make_folder(folder + "/secrets", 0700, {}));
  for (const auto& [relative, content] : adopted.secrets)
    TANDEM_CHECK(files.write(folder + "/" + relative, content, 0600, {}));
  TANDEM_CHECK(files.write(by_hand, sites::to_text(adopted.by_hand), 0600, {}));
  return files.write(path, adopted.toml, 0600, {}); // last: a file that is there is complete
}

Json to_list(const std::vector<adopt::Remark>& remarks) {
  auto list = Json::array();
  for (const auto& remark : remarks)
    list.push_back({{"file", remark.file}, {"line", remark.line}, {"text", remark.text}});
  return list;
}

void tell(std::ostream& out, const std::string& title, const std::vector<adopt::Remark>& remarks) {
  if (remarks.empty()) return;
  out << title << '\n';
  for (const auto& remark : remarks)
    out << "  " << adopt::format(remark) << '\n';
}

void tell_all(CommandLine& line, const AdoptOptions& options, const adopt::Adopted& adopted) {
  auto& out = line.environment.out;
  if (options.json) {
    auto secrets = Json::array();
    for (const auto& [path, content] : adopted.secrets)
      secrets.push_back(path);
    out << peer::to_pretty_text({{"toml", adopted.toml},
                                 {"secrets", secrets},
                                 {"not_understood", to_list(adopted.strange)},
                                 {"replaced", to_list(adopted.replaced)}})
        << '\n';
    return;
  }
  if (options.output.empty()) out << adopted.toml;
  auto& notes = options.output.empty() ? line.environment.errors : out;
  tell(notes, "Not understood, or to be decided by you:", adopted.strange);
  tell(notes, "By hand until now, and tandem's own work then:", adopted.replaced);
  if (options.output.empty()) {
    notes << "Nothing was changed and nothing written; --output FILE writes this";
    notes << (adopted.secrets.empty() ? ".\n" : ", and the secrets into a folder beside it.\n");
  } else {
    notes << fmt::format(
        "{} is written, and {} beside it, by which an apply goes on with what serves now; nothing else "
        "was changed. Servers: {}, users: {}, sites: {}\n",
        options.output, model::by_hand_file, adopted.pair.servers.size(), adopted.pair.users.size(),
        adopted.pair.sites.size());
  }
}

Result<void> give_back(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "give_back", Json::object()));
  auto& out = line.environment.out;
  if (line.json) {
    out << peer::to_pretty_text(answer) << '\n';
    return {};
  }
  out << fmt::format(
      "{} are as they were set up by hand, with the data of today.\n"
      "What stays: tandem.toml and {} beside it, packages, people that apply has made, releases in /www/.releases, "
      "and\n"
      "copies of files that somebody had edited in /var/lib/tandem/kept. The agents belong to no pair any more.\n",
      join(answer.at("servers").get<std::vector<std::string>>(), " and "), model::by_hand_file);
  return {};
}

Result<void> keep(CommandLine& line) {
  TANDEM_TRY(const Json answer, watch_operation(line.environment, "keep", Json::object()));
  auto& out = line.environment.out;
  if (line.json)
    out << peer::to_pretty_text(answer) << '\n';
  else
    out << fmt::format("{} stay with tandem: `tandem adopt --undo` is refused from here on. Files are streamed as soon "
                       "as they were compared.\nWhat was replaced is kept in /var/lib/tandem/kept.\n",
                       join(answer.at("servers").get<std::vector<std::string>>(), " and "));
  return {};
}

Result<void> adopt_server(CommandLine& line, AdoptOptions options) {
  auto& environment = line.environment;
  TANDEM_CHECK(read_standby(options));
  if (!options.output.empty()) {
    options.output = std::filesystem::absolute(options.output).lexically_normal();
    TANDEM_CHECK(must_be_free(environment.files, options.output));
  }
  const auto progress = [&](std::string_view said) {
    if (environment.terminal && !options.json) environment.errors << said << "..." << std::endl;
  };
  TANDEM_TRY(const auto found, environment.read_server(progress));
  TANDEM_TRY(const auto adopted, adopt::adopt(found, options.wishes));
  if (!options.output.empty()) TANDEM_CHECK(write_all(environment.files, options.output, adopted));
  tell_all(line, options, adopted);
  return {};
}

} // namespace

void add_adopt(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("adopt", "Write a tandem.toml for servers that were set up by hand; changes nothing on them");
  auto options = std::make_shared<AdoptOptions>();
  command->add_option("--output", options->output, "Where to write it, never over a file; not given: it is printed");
  command->add_option("--standby", options->standby, "The other server, as NAME=ADDRESS; not given: as found");
  command->add_option("--address", options->wishes.address, "This server's address for visitors, where it has several");
  command->add_option("--admin-mail", options->wishes.admin_mail, "Who gets root's mail; not given: as found");
  command->add_flag("--undo", options->undo, "Give a pair back that an apply has taken over; on its primary")
      ->excludes("--output", "--standby", "--address", "--admin-mail");
  command->add_flag("--keep", options->keep, "Give up that way back, for good; on the primary")
      ->excludes("--undo", "--output", "--standby", "--address", "--admin-mail");
  command->add_flag("--json", options->json, "For scripts");
  command->footer(
      "Run it on the primary. It reads accounts, packages, nginx, uWSGI, units, crontabs, PostgreSQL and the\n"
      "working copies in /www, and lists with file and line what it could not understand. Variables that\n"
      "sound like secrets go to files of their own in a folder \"secrets\" beside it.\n\n"
      "--undo puts back what the servers were before tandem, while their sites answer: each site's own\n"
      "application with its working copy and the data of today, nginx, PostgreSQL and its standby, crontabs and\n"
      "all files that were replaced. A site goes back to its code of then; migrations since stay in its database.\n\n"
      "--keep gives that up once every site is deployed: the files of the pair are streamed from then on, which they\n"
      "cannot be as long as folders may go back to where they were.\n\n"
      "Examples:\n  tandem adopt\n  tandem adopt --output /root/tandem.toml\n"
      "  tandem adopt --standby duo=192.0.2.12 --admin-mail ops@example.org --output /root/tandem.toml\n"
      "  tandem adopt --undo\n  tandem adopt --keep");
  command->callback([&line, options] {
    line.json = options->json;
    line.chosen = [&line, options] {
      if (options->keep) return keep(line);
      return options->undo ? give_back(line) : adopt_server(line, *options);
    };
  });
}

} // namespace tandem::cli
