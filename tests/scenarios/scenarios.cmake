# torc_scenario_test: the named scenarios of Raft, of the key-value service and of partial connectivity, each over many
# seeds in simulated time. TORC_SCENARIO_SEED=n runs one seed alone.
file(GLOB scenario_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/scenarios/*.cc)
add_executable(torc_scenario_test ${scenario_sources})
target_include_directories(torc_scenario_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(torc_scenario_test PRIVATE torc_sim GTest::gtest_main)
torc_test_program(torc_scenario_test)
torc_uninstrumented(torc_scenario_test)
if(NOT TORC_SANITIZE)
  gtest_discover_tests(torc_scenario_test TEST_PREFIX "scenario/" DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS scenario TIMEOUT 900)
endif()
