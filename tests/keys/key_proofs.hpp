// What proves that a key of tandem.toml does something: its value before and after, and what servers answer then. The
// unit tests of config hold it against the table of keys; the lab tests run it on a real pair.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace tandem::proofs {

enum class Place { primary, standby, visitor };

// A shell line whose output, with the errors, must come to contain a text: another one before the change than after it.
struct Probe {
  Place place = Place::primary;
  std::string command;
  std::string before;
  std::string after;
  std::string first = {}; // run once on the primary, before the command is asked again and again
};

// Changes that are made together.
enum class Change {
  work,    // by `tandem apply` and `tandem deploy`
  servers, // the servers' addresses, by `tandem apply`
  refused, // tandem.toml is written only: the change is refused by name
};

struct Proof {
  std::string key;    // its path; of a choice with the choice: "role.standby=warm"
  std::string before; // the value as the file spells it; empty: not given
  std::string after;
  std::vector<Probe> probes;
  Change change = Change::work;
  std::string test = {}; // instead of probes: the lab test that fails when the key is ignored, "Suite.Name"
};

// Probes are run in this order, the last of them change the primary.
[[nodiscard]] const std::vector<Proof>& key_proofs();

[[nodiscard]] std::vector<Proof> pair_proofs();    // [pair], [host], [[server]], [[user]]
[[nodiscard]] std::vector<Proof> service_proofs(); // [database], [files]
[[nodiscard]] std::vector<Proof> site_proofs();    // [[site]]
[[nodiscard]] std::vector<Proof> role_proofs();    // [role], and what a change of primary shows

// Names in %signs% that stand for what only the lab knows, in values and in commands.
using Facts = std::map<std::string, std::string>;
[[nodiscard]] std::string with_facts(std::string text, const Facts& facts);
// Facts that make a file that can be loaded, for tests without servers.
[[nodiscard]] Facts sample_facts();

// Values by the path of their key; empty: not given.
using Values = std::map<std::string, std::string>;
[[nodiscard]] Values values_before();
[[nodiscard]] Values values_after(Change change); // those of one change, the rest as before
// The tandem.toml with these values, but for sites that other tests need.
[[nodiscard]] std::string toml_with(const Values& values, const Facts& facts);

} // namespace tandem::proofs
