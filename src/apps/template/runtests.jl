using {Name}
using Test

@testset "{Name}" begin
    @test {Name}.greeting(String[]) == "Hello, world!"
    @test {Name}.greeting(["Ada", "Alan"]) == "Hello, Ada and Alan!"
end
