#include "net/door.h"

#include <charconv>

namespace torc::net {

bool is_wildcard(std::string_view host) { return host == "0.0.0.0" || host == "::" || host == "*"; }

Place place_of(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  Place place{std::string(host), 0};
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
  const bool is_whole = error == std::errc() && end == port.data() + port.size();
  return is_whole && place.is_known() && !is_wildcard(host) ? place : Place{};
}

Place OpenDoor::place_for(node::Door came_by, std::string_view local_address) const {
  if (announced.is_known()) return announced;
  const Place reached = place_of(local_address);
  if (came_by == door) return reached;
  return {host.empty() ? reached.host : host, port};
}

}  // namespace torc::net
