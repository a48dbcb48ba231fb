using Rot13
using Test

# What `main` prints to stdout, given these arguments and this standard input.
function printed(main, arguments; input = "")
    mktempdir() do folder
        source, target = joinpath.(folder, ("in", "out"))
        write(source, input)
        status = open(source) do from
            open(target, "w") do to
                redirect_stdin(() -> redirect_stdout(() -> main(arguments), to), from)
            end
        end
        @test status == 0
        read(target, String)
    end
end

@testset "Rot13" begin
    @test Rot13.rotate("Hello, Wörld 1!", 13) == "Uryyb, Jöeyq 1!"
    @test Rot13.rotate('z', 1) == 'a'
    @test Rot13.rotate('A', -1) == 'Z'
    @test printed(Rot13.main, ["Hello", "there"]) == "Uryyb gurer\n"
    @test printed(Rot13.main, String[]; input = "one\ntwo\n") == "bar\ngjb\n"
    @test printed(Rot13.InvRot13.main, ["Uryyb"]) == "Hello\n"
    @test printed(Rot13.Tools.Count.main, ["Hello, 1!"]) == "5\n"
    @test startswith(printed(Rot13.Flags.main, String[]), "optimize ")
end
