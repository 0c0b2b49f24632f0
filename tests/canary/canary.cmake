# Planted bugs that the simulator must find. Linked with the simulator and the real node; part of no server.
add_executable(torc_canary_test canary/canary_test.cc canary/lying_disk.cc)
target_link_libraries(torc_canary_test PRIVATE torc_sim GTest::gtest_main)
gtest_discover_tests(torc_canary_test TEST_PREFIX "canary/" PROPERTIES TIMEOUT 120)
