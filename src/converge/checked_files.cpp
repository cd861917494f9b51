#include "converge/checked_files.hpp"

#include "base/text.hpp"

namespace tandem::converge {

namespace {

bool wants_candidate(const FileCheck& check) {
  return std::ranges::find(check.command, "{}") != check.command.end();
}

Result<void> run_check(ApplyContext& context, const std::vector<std::string>& command) {
  TANDEM_TRY(const auto outcome, context.ports.processes.run({.arguments = command}));
  if (outcome.ok()) return {};
  const auto said = trim(outcome.errors.empty() ? outcome.output : outcome.errors);
  return failed(join(command, " ") + " says: " + std::string(said));
}

} // namespace

Result<void> CheckedFiles::write(const std::vector<Candidate>& candidates) {
  const auto& check = *candidates.front().file.check;
  if (wants_candidate(check))
    for (const auto& candidate : candidates)
      TANDEM_CHECK(check_before(candidate));
  std::size_t written = 0;
  Result<void> outcome;
  for (; written < candidates.size() && outcome; ++written) {
    const auto& candidate = candidates[written];
    context_.observer.starting(candidate.change);
    TANDEM_CHECK(context_.halts.reached(Moment::before, candidate.change));
    if (written == 0) TANDEM_CHECK(context_.halts.may_go_on());
    outcome = actions_.write_file(candidate.file, candidate.before);
    if (outcome) TANDEM_CHECK(context_.halts.reached(Moment::after, candidate.change));
  }
  if (outcome && !wants_candidate(check)) outcome = check_live(check);
  if (outcome) return {};
  auto error = std::move(outcome).error();
  error.hint = "The files that this apply had replaced were put back.";
  while (written-- > 0)
    if (auto restored = put_back(candidates[written]); !restored)
      error.hint = "Putting back " + candidates[written].file.path + " failed too: " + restored.error().message;
  return std::unexpected(std::move(error));
}

// A check of candidates came before their writing, so that it is done already.
Result<void> CheckedFiles::check_again(const FileCheck& check) {
  if (wants_candidate(check)) return {};
  auto checked = check_live(check);
  if (checked) return {};
  auto error = std::move(checked).error().within("files that an apply wrote before it was cut off");
  error.hint = "What tandem had there before is overwritten; mend what is wrong in them or in tandem.toml, then apply.";
  return std::unexpected(std::move(error));
}

Result<void> CheckedFiles::check_before(const Candidate& candidate) {
  const auto folder = context_.state_folder + "/candidates";
  TANDEM_CHECK(context_.ports.files.make_folder(folder, 0700, {}));
  const auto path = folder + "/" + replace_all(candidate.file.path.substr(1), "/", "_");
  TANDEM_TRY(const auto owner, actions_.ownership(candidate.file.owner, candidate.file.group));
  TANDEM_CHECK(context_.ports.files.write(path, candidate.file.content, candidate.file.mode, owner));
  auto command = candidate.file.check->command;
  std::ranges::replace(command, std::string("{}"), path);
  auto checked = run_check(context_, command);
  TANDEM_CHECK(context_.ports.files.remove(path));
  if (!checked) return std::unexpected(std::move(checked).error().within("the new " + candidate.file.path));
  return {};
}

Result<void> CheckedFiles::check_live(const FileCheck& check) {
  return run_check(context_, check.command);
}

Result<void> CheckedFiles::put_back(const Candidate& candidate) {
  auto& files = context_.ports.files;
  const auto& before = candidate.before;
  if (!before.status) return files.remove(candidate.file.path);
  if (before.status->type == system::FileType::link) return files.make_link(candidate.file.path, before.status->target);
  const auto& content = before.content.value_or("");
  TANDEM_CHECK(
      files.write(candidate.file.path, content, before.status->mode, {before.status->uid, before.status->gid}));
  // What is there again is what was there before: tandem's own text only if it was so then.
  if (before.author == Authorship::tandem) ledger_.settle(candidate.file.path, content);
  return ledger_.save(files);
}

} // namespace tandem::converge
