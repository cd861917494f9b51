// An apply of the whole setup, cut off at every change, before it and after it: the next one finishes the work, and
// nothing that a person wrote is lost.
#include "debian.hpp"
#include "view_of.hpp"

#include <gtest/gtest.h>

namespace tandem::setup {

using converge::Moment;
using testing::Debian;

namespace {

model::Pair a_pair() {
  model::Pair pair;
  pair.name = "shops";
  pair.host.timezone = "Europe/Moscow";
  pair.servers = {{"uno", "192.0.2.11", {}, "10.0.0.1"}, {"duo", "192.0.2.12", {}, "10.0.0.2"}};
  pair.users = {{.name = "andrey",
                 .uid = 1000,
                 .groups = {"sudo", "printers"},
                 .sudo_nopasswd = true,
                 .ssh_keys = {"ssh-ed25519 AAAA andrey"}},
                {.name = "nikolays", .uid = 1001, .groups = {"www-data"}}};
  for (const std::string domain : {"janome.club", "shop.example"}) {
    model::Site site;
    site.domain = domain;
    site.owner = "nikolays";
    site.basic_auth = model::SecretFile{"htpasswd", "/etc/tandem/htpasswd"};
    site.database = model::SiteDatabase{domain.substr(0, 4), domain.substr(0, 4), {"pg_trgm"}};
    pair.sites.push_back(site);
  }
  return pair;
}

Resources resources_of(const std::string& self) {
  const auto pair = a_pair();
  return resources(testing::view_of(pair, self));
}

std::string by_hand(const std::string& path) {
  return "written by hand into " + path + "\n";
}

// What a person could do to one resource; packages and what a package owns alone stay.
struct ByHand {
  Debian& server;

  void operator()(const converge::File& file) const { server.files.put(file.path, by_hand(file.path), 0666); }

  void operator()(const converge::Absent& absent) const { server.files.put(absent.path, by_hand(absent.path)); }

  void operator()(const converge::Link& link) const { server.files.put(link.path, by_hand(link.path)); }

  void operator()(const converge::Folder& folder) const { server.files.put_folder(folder.path, 0777); }

  void operator()(const converge::Unit& unit) const {
    auto& status = server.services.units[unit.name];
    if (unit.running) status.active = *unit.running ? "inactive" : "active";
    if (unit.enabled) status.file = *unit.enabled ? "disabled" : "enabled";
  }

  void operator()(const converge::User& user) const {
    for (auto& entry : server.accounts.table.users)
      if (entry.name == user.name) entry.shell = "/bin/sh";
  }

  void operator()(const converge::DatabaseRole& role) const { server.postgres.roles[role.name] = {false, false}; }

  void operator()(const converge::Database& database) const { server.postgres.owners[database.name] = "postgres"; }

  void operator()(const converge::ReplicationSlot& slot) const { server.postgres.slots.erase(slot.name); }

  void operator()(const converge::DatabaseGrant& /*grant*/) const { server.postgres.grants.clear(); }

  void operator()(const converge::Certificate& certificate) const {
    EXPECT_TRUE(server.files.remove(certificate.key_path));
  }

  template <class Other>
  void operator()(const Other& /*other*/) const {}
};

// Paths at which a person's content lies after all that.
std::vector<std::string> edited_paths(const Resources& wanted) {
  std::vector<std::string> paths;
  for (const auto& resource : wanted) {
    if (const auto* file = std::get_if<converge::File>(&resource.kind)) paths.push_back(file->path);
    if (const auto* absent = std::get_if<converge::Absent>(&resource.kind)) paths.push_back(absent->path);
    if (const auto* link = std::get_if<converge::Link>(&resource.kind)) paths.push_back(link->path);
  }
  return paths;
}

void edit_everything(Debian& server, const Resources& wanted) {
  const auto applied = server.apply(wanted);
  ASSERT_TRUE(applied && !applied->failed);
  for (const auto& resource : wanted)
    std::visit(ByHand{server}, resource.kind);
}

void finish_and_compare(Debian& server, const Resources& wanted, const std::string& whole, const std::string& where) {
  const auto next = server.apply(wanted);
  ASSERT_TRUE(next) << where << ": " << next.error().message;
  EXPECT_FALSE(next->failed) << where << ": " << *next->failed << ": " << next->error->message;
  EXPECT_EQ(server.picture(), whole) << where;
  const auto plan = server.plan(wanted);
  ASSERT_TRUE(plan) << where;
  EXPECT_TRUE(plan->empty()) << where << "\n" << to_text(*plan, "uno");
}

using Arrange = void (*)(Debian&, const Resources&);

// One cut for each change and moment, each on a server of its own; `kept` must be aside at the end of each.
void cut_everywhere(const Resources& wanted, Arrange arrange, const std::vector<std::string>& kept) {
  Debian uncut;
  arrange(uncut, wanted);
  const auto done = uncut.apply(wanted);
  ASSERT_TRUE(done && !done->failed) << (done ? *done->failed + ": " + done->error->message : done.error().message);
  const auto whole = uncut.picture();
  for (const auto moment : {Moment::before, Moment::after}) {
    ASSERT_EQ(uncut.halts.reached_by[moment], done->done) << "each change has both moments";
    for (std::size_t change = 1; change <= done->done.size(); ++change) {
      const auto where = (moment == Moment::before ? "before " : "after ") + done->done[change - 1];
      Debian server;
      arrange(server, wanted);
      const auto cut = server.apply(wanted, {{moment, change}});
      ASSERT_TRUE(cut) << where << ": " << cut.error().message;
      ASSERT_TRUE(cut->failed) << where;
      EXPECT_TRUE(cut->error->message.ends_with("cut off at " + done->done[change - 1])) << cut->error->message;
      finish_and_compare(server, wanted, whole, where);
      for (const auto& content : kept)
        EXPECT_TRUE(server.has_kept(content)) << where << ": lost: " << content;
    }
  }
}

} // namespace

TEST(SetupCut, OnABareServerTheNextApplyFinishesTheWork) {
  for (const auto* self : {"uno", "duo"})
    cut_everywhere(resources_of(self), [](Debian&, const Resources&) {},
                   {"Debian's own nginx.conf\n", "Debian's own pg_hba.conf\n", "Debian's own default\n"});
}

TEST(SetupCut, WhatAPersonHadWrittenIsKeptWhereverItIsCutOff) {
  for (const auto* self : {"uno", "duo"}) {
    const auto wanted = resources_of(self);
    std::vector<std::string> kept;
    for (const auto& path : edited_paths(wanted))
      kept.push_back(by_hand(path));
    ASSERT_GT(kept.size(), 15U);
    cut_everywhere(wanted, edit_everything, kept);
  }
}

// The most delicate edit: of a file of which the ledger does not say yet that tandem wrote it.
TEST(SetupCut, WhatAPersonWritesBetweenTheCutAndTheNextApplyIsKeptToo) {
  const auto wanted = resources_of("uno");
  Debian uncut;
  const auto done = uncut.apply(wanted);
  ASSERT_TRUE(done && !done->failed);
  int edits = 0;
  for (std::size_t change = 1; change <= done->done.size(); ++change) {
    const auto& id = done->done[change - 1];
    if (!id.starts_with("file ")) continue;
    for (const auto moment : {Moment::before, Moment::after}) {
      Debian server;
      ASSERT_TRUE(server.apply(wanted, {{moment, change}}));
      server.files.put(id.substr(5), by_hand(id));
      ++edits;
      finish_and_compare(server, wanted, uncut.picture(), id);
      EXPECT_TRUE(server.has_kept(by_hand(id))) << id;
    }
  }
  EXPECT_GT(edits, 30);
}

} // namespace tandem::setup
