// Authoritative name servers (BIND) on tre for zones of the lab, one that takes updates and one that copies it.
#pragma once
#include "lab/lab.hpp"

namespace tandem::lab {

inline constexpr auto* name_server = "10.77.0.13";        // takes updates
inline constexpr auto* second_name_server = "10.77.0.14"; // of its own on tre as well

struct NameServers {
  std::vector<std::string> zones;        // each with the records @ and www, A and, where an address is given, AAAA
  std::string address;                   // to which they lead at first
  std::vector<std::string> refused = {}; // zones that the key may not change
};

// Installs and starts them anew. -> the TSIG key, as tsig-keygen prints it.
Result<std::string> start_name_servers(Lab& lab, const NameServers& wanted);
Result<void> stop_name_servers(Lab& lab); // they do not answer any more
Result<void> resume_name_servers(Lab& lab);
// Records of that name and type, one a line, as that server says them.
Result<std::string> ask_name_server(Lab& lab, const std::string& server, const std::string& name,
                                    const std::string& type = "A");

} // namespace tandem::lab
