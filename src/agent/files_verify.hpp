// `tandem files verify`: the content of all files compared with the standbys', beside the streams.
#pragma once
#include "agent/file_streams.hpp"

namespace tandem::agent {

// {"rate_mb"?}: on the primary: reads so many megabytes a second for each connected standby, one after the other; what
// differs is sent again, and stands in status until a verification finds nothing. ->
// {"servers": [{"name", "files", "bytes", "passed_over", "differences", "paths": [path], "problem"}]}
Operation files_verify_operation(std::shared_ptr<FileStreams> streams);

} // namespace tandem::agent
