#include "system/libpq.hpp"

#include <dlfcn.h>

#include <mutex>
#include <optional>

namespace tandem::system {

namespace {

// The ABI of libpq 5 has been stable since PostgreSQL 8.2.
constexpr auto* library = "libpq.so.5";

template <typename Function>
bool find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

Result<Libpq> load() {
  // Never closed: its libraries register what must outlive them.
  void* handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    return fail(ErrorKind::not_found, std::string("loading PostgreSQL's client library: ") + ::dlerror(),
                "apt-get install libpq5");
  Libpq functions{};
  const bool whole = find(handle, "PQconnectdbParams", functions.connect) &&
                     find(handle, "PQfinish", functions.finish) && find(handle, "PQstatus", functions.status) &&
                     find(handle, "PQerrorMessage", functions.error_message) &&
                     find(handle, "PQexecParams", functions.execute) && find(handle, "PQclear", functions.clear) &&
                     find(handle, "PQresultStatus", functions.result_status) &&
                     find(handle, "PQntuples", functions.rows) && find(handle, "PQnfields", functions.columns) &&
                     find(handle, "PQgetisnull", functions.is_null) && find(handle, "PQgetvalue", functions.value);
  if (!whole) return failed(std::string(library) + " lacks functions that tandem calls");
  return functions;
}

} // namespace

Result<const Libpq*> libpq() {
  static std::mutex mutex;
  static std::optional<Libpq> loaded; // guarded by mutex until it is there; a failure is not kept: it may be installed
  const std::lock_guard lock(mutex);
  if (!loaded) {
    TANDEM_TRY(loaded, load());
  }
  return &*loaded;
}

} // namespace tandem::system
