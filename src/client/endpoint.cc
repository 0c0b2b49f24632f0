#include "client/endpoint.h"

#include <charconv>

namespace torc::client {
namespace {

Error invalid(std::string_view text, const char* what) {
  return Error{ErrorCode::kInvalid, "\"" + std::string(text) + "\" " + what};
}

/// 1..65535, or 0 if it is not a port.
uint16_t parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() ? port : 0;
}

}  // namespace

std::string Endpoint::text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid(text, "is not an address: write host:port, as in 127.0.0.1:7001");
  Endpoint endpoint;
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return invalid(text, "is ambiguous: write an IPv6 address in brackets, as in [::1]:7001");
  }
  if (host.empty()) return invalid(text, "names no host: write host:port, as in 127.0.0.1:7001");
  endpoint.host = host;
  endpoint.port = parse_port(text.substr(colon + 1));
  if (endpoint.port == 0) return invalid(text, "has no port between 1 and 65535 after the colon");
  return endpoint;
}

Result<std::vector<Endpoint>> parse_endpoints(std::string_view text) {
  std::vector<Endpoint> endpoints;
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const uint16_t port = parse_port(part);
    if (port != 0 && !endpoints.empty()) {
      endpoints.push_back({endpoints.back().host, port});
    } else {
      Result<Endpoint> endpoint = parse_endpoint(part);
      if (!endpoint.ok()) return endpoint.error();
      endpoints.push_back(std::move(endpoint).value());
    }
    if (comma == std::string_view::npos) return endpoints;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace torc::client
