// A site's import: which uploads it takes, and the unit of systemd that hands one to the site's command. It belongs to
// the role as a job does. Pure; import_spool.hpp keeps the uploads.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::sites {

[[nodiscard]] std::string import_service(const std::string& domain);
// Of a site that has an import. One run takes the upload that SPOOL/imports/DOMAIN/upload.env names. It leaves the file
// "begun" beside it, in it its systemd invocation; "cut", when it is asked to end while the command runs; and at its
// end "result". They are root's, written without anything of the site's environment. invalid: the command is none.
Result<std::string> import_service_text(const Layout& layout, const model::Site& site);

// Whether an upload of that name is the import's. Names that begin with a dot never are, since clients write to such
// ones before they give the right name; nor are those that are no text or hold control characters.
[[nodiscard]] bool takes(const model::Import& import, const std::string& name);
[[nodiscard]] bool is_upload_name(const std::string& name);

// "1795509000123-uno-7": unique in the pair, sorts by time.
[[nodiscard]] std::string upload_id(std::chrono::system_clock::time_point now, std::string_view server,
                                    std::uint64_t count);
[[nodiscard]] bool is_upload_id(std::string_view text);
[[nodiscard]] std::chrono::system_clock::time_point moment_of(std::string_view upload_id);

// What came of a run whose unit does not run any more.
struct ImportEnding {
  enum class Kind {
    never_began,
    interrupted, // by the power, or by whoever asked it to end: it may have done a part
    succeeded,
    failed,
  };

  Kind kind = Kind::never_began;
  std::string why = {}; // "it ended with status 1"
  bool operator==(const ImportEnding&) const = default;
};

// What a run left.
struct ImportTraces {
  bool begun = false;
  bool cut = false;
  std::string result = {}; // what lies in the file; empty: there is none
};

// Where this server is not the primary any more, what failed had lost its database.
[[nodiscard]] ImportEnding import_ending(const ImportTraces& traces, bool primary);

} // namespace tandem::sites
